def reference_page() -> str:
    return ""
