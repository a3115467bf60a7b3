def recognises(data: bytes, name: str) -> bool:
    return False
