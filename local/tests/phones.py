#!/usr/bin/env python3
"""Compares how Latchkey reads phone numbers with how Google's libphonenumber does, by its Python port.

    pip install phonenumbers
    local/tests/phones.py            # all regions, half a minute
    local/tests/phones.py RU DE      # these

The example numbers of each region, landline and mobile, are written in eighty-eight ways and read there. Ends with 1 if
one that libphonenumber reads is refused, or read as another number for no reason that `on_purpose` knows. The result for
all regions is in docs/decisions/phones.md.
"""

import collections
import json
import os
import pathlib
import subprocess
import sys

import phonenumbers as lib
from phonenumbers import PhoneNumberFormat as Format, PhoneNumberType as Kind


def digits(zero):
    """Writes digits as those of another script, whose zero is given."""
    return lambda text: "".join(chr(ord(zero) + int(c)) if c in "0123456789" else c for c in text)


def wide(text):
    """Full-width forms, as keyboards of East Asia make them."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else "\u3000" if c == " " else c for c in text)


def between(mark):
    return lambda text: text.replace(" ", mark).replace("-", mark)


def around(before, after=""):
    return lambda text: before + text + after


def same(text):
    return text


# What the ways below write, and how it looks before they change it.
SHAPES = {
    "E.164": lambda number: lib.format_number(number, Format.E164),
    "international": lambda number: lib.format_number(number, Format.INTERNATIONAL),
    "national": lambda number: lib.format_number(number, Format.NATIONAL),
    "digits with code": lambda number: lib.format_number(number, Format.E164)[1:],
}

CHANGES = {
    "as it is": same,
    "blanks around": around("  ", "  "),
    "line end behind": around("", "\r\n"),
    "tab before": around("\t"),
    "comma behind": around("", ","),
    "semicolon behind": around("", "; "),
    "left-to-right embedding": around("\u202a", "\u202c"),
    "left-to-right override": around("\u202d", "\u202c"),
    "isolate": around("\u2066", "\u2069"),
    "marks of direction": around("\u200e", "\u200f"),
    "byte order mark": around("\ufeff"),
    "full-width": wide,
    "Arabic-Indic digits": digits("\u0660"),
    "Extended Arabic-Indic digits": digits("\u06f0"),
    "Devanagari digits": digits("\u0966"),
    "Bengali digits": digits("\u09e6"),
    "Thai digits": digits("\u0e50"),
}

INSIDE = {
    "no-break blanks": between("\u00a0"),
    "narrow no-break blanks": between("\u202f"),
    "ideographic blanks": between("\u3000"),
    "zero-width blanks": between("\u200b"),
    "word joiners": between("\u2060"),
    "soft hyphens": between("\u00ad"),
    "dots": between("."),
    "slashes": between("/"),
    "hyphens": between("-"),
    "no-break hyphens": between("\u2011"),
    "en dashes": between("\u2013"),
    "minus signs": between("\u2212"),
    "long marks of Japanese": between("\u30fc"),
}


def ways():
    """Name, function from a number to how it is written, and where that is read if not at home."""
    for shape, write in SHAPES.items():
        for change, make in CHANGES.items():
            yield f"{shape}, {change}", lambda number, write=write, make=make: make(write(number)), None
    for change, make in INSIDE.items():
        yield f"international, {change}", lambda number, make=make: make(SHAPES["international"](number)), None
    for where in ("US", "RU", "DE"):
        dialled = lambda number, where=where: lib.format_out_of_country_calling_number(number, where)
        yield f"dialled from {where}", dialled, where
    code, national = lambda number: number.country_code, lib.national_significant_number
    yield "RFC 3966", lambda number: lib.format_number(number, Format.RFC3966), None
    yield "(0) behind the code", lambda number: f"+{code(number)} (0) {national(number)}", None
    yield "code in brackets", lambda number: f"(+{code(number)}) {national(number)}", None
    yield "00 for +", lambda number: f"00{code(number)}{national(number)}", None


def reference(typed, region):
    try:
        number = lib.parse(typed, region)
    except lib.NumberParseException:
        return ""
    if number.extension or not lib.is_valid_number(number):
        return ""
    return lib.format_number(number, Format.E164)


def on_purpose(ours, theirs):
    """Why ours is another number than libphonenumber's, where that is meant."""
    if theirs.startswith("+54") and ours == "+549" + theirs[3:]:
        return "Argentina's 9 of mobiles"
    if theirs.startswith("+521") and ours == "+52" + theirs[4:]:
        return "Mexico's old 1"
    if lib.number_type(lib.parse(theirs)) not in (Kind.MOBILE, Kind.FIXED_LINE_OR_MOBILE):
        return "bare digits with a code, which here look like a landline's"
    return None


def main():
    regions = sys.argv[1:] or sorted(lib.SUPPORTED_REGIONS)
    asked = []
    for region in regions:
        for kind in (Kind.MOBILE, Kind.FIXED_LINE):
            number = lib.example_number_for_type(region, kind)
            if number is not None:
                asked += [(way, where or region, write(number)) for way, write, where in ways()]
    # Of the whole workspace, so that features agree with what is built already.
    subprocess.run(["cargo", "build", "--quiet", "--locked", "--workspace", "--example", "read_numbers"], check=True)
    read = subprocess.run(
        [pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target"), "debug/examples/read_numbers")],
        input="".join(json.dumps([region, typed]) + "\n" for _, region, typed in asked),
        capture_output=True, check=True, text=True,
    ).stdout.split("\n")[:-1]
    assert len(read) == len(asked)
    outcomes, refused, purposes, wrong = (collections.Counter() for _ in range(4))
    for (way, region, typed), ours in zip(asked, read):
        theirs = reference(typed, region)
        if ours == theirs:
            outcomes["alike" if ours else "by neither"] += 1
        elif not ours:
            outcomes["by libphonenumber alone"] += 1
            refused[way] += 1
        elif not theirs:
            outcomes["by us alone"] += 1
        elif purpose := on_purpose(ours, theirs):
            outcomes["as another number, on purpose"] += 1
            purposes[purpose] += 1
        else:
            outcomes["as another number"] += 1
            wrong[f"{typed!r} in {region}: {ours}, by libphonenumber {theirs}"] += 1
    print(f"phonenumbers {lib.__version__}: {len(asked)} readings, {len(regions)} regions, {len(list(ways()))} ways")
    for counter in (outcomes, purposes, refused, wrong):
        print()
        for what, times in counter.most_common(40):
            print(f"{times:7} {what}")
    return 1 if wrong or refused else 0


if __name__ == "__main__":
    sys.exit(main())
