"""Contracts: columns are defined once, and a contract that cannot be applied is refused at start."""

import pandas as pd
import pandera.pandas as pa
import pytest

from failure_platform.domain.contracts import CONTRACTS, ContractError, contract_of, contract_table
from failure_platform.domain.rows.validation import steps


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("resultados", ("KNR", "NAME", "ID", "VALUE_ID", "DATA")),
        ("falhas", ("KNR", "ESTACAO", "HALLE", "FALHA", "DATA")),
        ("status", ("KNR", "STATUS", "DATA")),
    ],
)
def test_a_kind_of_the_plant_has_its_natural_key(kind, key):
    """Rows are the same by these columns, and by no others."""
    assert CONTRACTS[kind].key == key


def test_key_columns_are_required_in_the_header():
    """A file without a key column cannot be merged, so its header must have them all."""
    for contract in CONTRACTS.values():
        assert {column.name for column in contract.columns if column.key} <= {
            column.name for column in contract.columns if column.required
        }


@pytest.mark.parametrize(("kind", "personal"), [("resultados", []), ("falhas", ["USUARIO"]), ("status", [])])
def test_of_the_kinds_of_the_plant_only_usuario_is_personal(kind, personal):
    """The one column that names a person is marked, so that it is hashed."""
    assert [column.name for column in CONTRACTS[kind].columns if column.personal] == personal


def test_every_column_says_what_it_means():
    """Pages and README are made from these words; none may be empty."""
    for contract in CONTRACTS.values():
        assert contract.description
        assert all(column.description and column.domain for column in contract.columns)


def test_the_contract_table_has_a_line_per_column_with_its_domain():
    """The README's table has type, need, domain and meaning of each column."""
    lines = contract_table(CONTRACTS["resultados"]).splitlines()
    assert len(lines) == 2 + 8
    assert lines[5] == (
        "| STATUS | integer | yes | one of 10, 13; not empty | Verdict: 10 OK, 13 NOK. A redone test is NOK, then OK. |"
    )


def test_a_new_kind_is_one_model():
    """Types, key and domain of a new kind come from its model alone."""

    class Torque(pa.DataFrameModel):
        """A tightening."""

        KNR: str = pa.Field(description="Vehicle.", metadata={"key": True, "required": True})
        NM: float = pa.Field(gt=0, lt=500, nullable=True, description="Torque.", metadata={"unit": "Nm"})

    contract = contract_of("torque", Torque)
    assert [(c.name, c.type, c.nullable, c.domain, c.unit) for c in contract.columns] == [
        ("KNR", "text", False, "not empty", None),
        ("NM", "number", True, "more than 0; less than 500", "Nm"),
    ]
    assert steps(contract, "rows")[-1].name == "validated"


def test_a_type_that_no_parser_knows_is_refused():
    """A column of another type would be stored untyped; it is refused with the types there are."""

    class Odd(pa.DataFrameModel):
        FLAG: bool = pa.Field(metadata={"key": True})

    with pytest.raises(ContractError, match=r"FLAG is declared as bool. Use str"):
        contract_of("odd", Odd)


def test_a_contract_without_key_is_refused():
    """Without a key, rows cannot be identified."""

    class Keyless(pa.DataFrameModel):
        A: str

    with pytest.raises(ContractError, match="'keyless' has no natural key"):
        contract_of("keyless", Keyless)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        (pa.Field(str_startswith="A", metadata={"key": True}), "'str_startswith' cannot be applied"),
        (pa.Field(str_matches=r"^\d+$", metadata={"key": True}), r"spell out sets"),
        (pa.Field(str_matches=r"^(?=A)B", metadata={"key": True}), r"no look-around"),
        (pa.Field(isin=["A"], ignore_na=False, metadata={"key": True}), "'isin' cannot be compiled"),
    ],
)
def test_a_check_that_cannot_be_compiled_is_refused_before_any_file(field, words):
    """A check that would be skipped at volume, or mean something else there, is refused with what to do."""

    class Uncompilable(pa.DataFrameModel):
        A: str = field

    with pytest.raises(ContractError, match=words):
        steps(contract_of("uncompilable", Uncompilable), "rows")


def test_the_models_take_a_good_frame():
    """The pandera models themselves accept what the lake holds: contracts are usable on frames too."""
    frame = pd.DataFrame(
        {
            "KNR": ["2023-2056234"],
            "STATUS": ["M700"],
            "DATA": pd.array(["2023-05-08 10:00:00"], dtype="datetime64[ns]"),
        }
    )
    CONTRACTS["status"].model.validate(frame)
