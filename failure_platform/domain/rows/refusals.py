"""The exceptions that refuse a file, with the parts of their message."""


class UploadRefusedError(Exception):
    """A complete file is refused; the message says what, where, why and what to do.

    `resembles` is the share of the required columns that a header named, 1 where the refusal has another reason: among
    several sheets, one with a small share is not a table of this kind.
    """

    def __init__(self, what: str, where: str, why: str, what_to_do: str, resembles: float = 1.0) -> None:
        """Store the parts; the message has a sentence for each."""
        self.what, self.where, self.why, self.what_to_do = what, where, why, what_to_do
        self.resembles = resembles
        super().__init__(f"{what} ({where}). {why} {what_to_do}")


class OtherKindError(UploadRefusedError):
    """A table is that of another upload kind, `kind`."""

    def __init__(self, what: str, where: str, why: str, what_to_do: str, kind: str) -> None:
        """Store the parts of the message, and the kind that the table is."""
        self.kind = kind
        super().__init__(what, where, why, what_to_do)
