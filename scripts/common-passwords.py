#!/usr/bin/env python3
"""Packs and shows the list of common passwords that is built in (crates/domain/src/common_passwords.zz).

    scripts/common-passwords.py show                    # the list as text, one a line
    scripts/common-passwords.py build --all FILE... --long FILE...

build takes every line of the files after --all and the lines of 15 characters and more of those after --long, in lower
case, each once, sorted by byte. Lines that are no password are left out: control characters, spaces at an end, more
than 64 characters, $HEX[...] (the mark for bytes that are no text), and what looks like an e-mail address, because
that is somebody's. The list in force was made of

- Django's common-passwords.txt (BSD-3-Clause; compiled by Royce Williams from the Pwned Passwords corpus) and
  SecLists 10-million-password-list-top-100000.txt (MIT), with --all;
- SecLists 10-million-password-list-top-1000000.txt (MIT), with --long, because most passwords of the other two are
  shorter than the native policy asks for.
"""

import argparse
import pathlib
import re
import sys
import zlib

LIST = pathlib.Path(__file__).resolve().parent.parent / "crates/domain/src/common_passwords.zz"
LONG = 15
MOST = 64
NOT_MEANT = re.compile(r"^\$hex\[|^[^@]+@[^@]+\.[^@]+$")


def is_password(line):
    return line.isprintable() and line.strip() == line != "" and len(line) <= MOST and not NOT_MEANT.search(line)


def lines(path):
    return pathlib.Path(path).read_text(encoding="utf-8").split("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks = parser.add_subparsers(dest="task", required=True)
    tasks.add_parser("show")
    build = tasks.add_parser("build")
    build.add_argument("--all", nargs="+", default=[])
    build.add_argument("--long", nargs="+", default=[])
    args = parser.parse_args()
    if args.task == "show":
        sys.stdout.buffer.write(zlib.decompress(LIST.read_bytes()))
        return
    words = {line.lower() for path in args.all for line in lines(path)}
    words |= {line.lower() for path in args.long for line in lines(path) if len(line) >= LONG}
    text = "".join(f"{word}\n" for word in sorted(filter(is_password, words), key=str.encode))
    LIST.write_bytes(zlib.compress(text.encode(), 9))
    print(f"{text.count(chr(10))} lines, {len(text.encode())} bytes, packed {LIST.stat().st_size}")


main()
