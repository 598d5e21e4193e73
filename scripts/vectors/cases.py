"""The passwords of all vectors, and how a file of vectors is written."""

from pathlib import Path

OUT = Path(__file__).resolve().parents[2] / "crates/domain/testdata/passwords"

PLAIN = b"correct horse battery staple"
EIGHT_BIT = "pässwörd-密码-🔑".encode()
DECOMPOSED = "pa\u0308sswo\u0308rd-密码-🔑".encode()
NUL = b"abc\0def"
L72 = b"0123456789" * 7 + b"ab"
L73 = L72 + b"X"

# (password that was hashed, [passwords that must match], [other passwords; some match: HMAC and bcrypt take "" and
# NUL for the same])
CASES = [
    (PLAIN, [PLAIN], [b"Correct horse battery staple", b"correct horse battery staplf", PLAIN + b" ", b""]),
    (EIGHT_BIT, [EIGHT_BIT], [DECOMPOSED, "pÄsswörd-密码-🔑".encode()]),
    (b"", [b""], [b"\0", b" "]),
    (NUL, [NUL], [b"abc", b"abc\0", b"abc\0deg"]),
    (L73, [L73], [L72, L72 + b"Y", L73 + b"Z"]),
    (b"k" * 65, [b"k" * 65], [b"k" * 64, b"k" * 66]),
]
# What bcrypt's 72-byte rule makes of the last two.
LONG = [(L72, [L72, L73, L72 + b"Y"], [L72[:71], L72[:71] + b"c"]), (L73, [L73, L72, L73 + b"Z"], [b"9" + L73[1:]])]
C_STRING_NUL = (b"abc", [b"abc", b"abc\0def", b"abc\0"], [b"abcd", b"ab\0c", b"\0abc"])


def lines(cases, make, few=False, trim=None):
    """One line for each password tried. Whether it matches is what the origin itself makes of it,
    or of it without the bytes of `trim` at its ends if the origin takes them off when somebody signs in."""
    out = []
    for index, (password, right, others) in enumerate(cases):
        stored = make(password, index)
        assert " " not in stored
        if few:
            right, others = right[:1], others[:1]
        for typed in right + others:
            matches = make(typed, index) == stored or bool(trim) and make(typed.strip(trim), index) == stored
            assert matches or typed not in right
            out.append(f"{typed.hex() or '-'} {stored} {'yes' if matches else 'no'}")
    return out


def write(name, how, *groups):
    header = ["How the hashes were made: " + how[0], *how[1:], "Fields: password in hexadecimal (- is empty), hash, match."]
    text = [f"# {line}" for line in header] + [line for group in groups for line in group]
    (OUT / f"{name}.txt").write_text("\n".join(text) + "\n")
