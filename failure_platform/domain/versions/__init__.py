"""Model versions: what is recorded, named, told and shown of them."""
