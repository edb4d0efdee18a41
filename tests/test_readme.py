"""The README says what the code says."""

from pathlib import Path

from failure_platform.domain.contracts import CONTRACTS, contract_table

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- contracts -->\n", "<!-- end of contracts -->"


def contract_tables() -> str:
    """Return the tables as the README shows them."""
    return "\n\n".join(f"**{kind}**: {c.description}\n\n{contract_table(c)}" for kind, c in CONTRACTS.items())


def test_the_contract_tables_in_the_readme_are_the_contracts() -> None:
    """Written anew with `python tests/test_readme.py`."""
    text = README.read_text(encoding="utf-8")
    assert text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip() == contract_tables()


if __name__ == "__main__":
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    README.write_text(f"{before}{BEGIN}\n{contract_tables()}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")
