"""Makes the files of a release: zips that are the same wherever and whenever they are made, their checksums, and their parts.

It must not build, upload or download anything, nor write outside the folder that it is given.
"""

import argparse
import hashlib
import json
import os
import pathlib
import sys
import zipfile
import zlib

# The earliest time that a zip can hold. A file of a release has no time of its own: what counts is what is in it.
EPOCH = (1980, 1, 1, 0, 0, 0)
PROGRAM, DATA = 0o755, 0o644


class Refused(Exception):
    """What was asked for cannot be made; the text says why, and what to do."""


def write_zip(target, files):
    """Writes a zip of `files`, a dict of names within it to (path, mode). Returns how many bytes it holds.

    Order, times, owner's system and modes are fixed, so that the same files give the same bytes.
    """
    for name in files:
        if name.startswith("/") or ".." in pathlib.PurePosixPath(name).parts:
            raise Refused(f"`{name}` would leave the folder that the zip is unpacked into")
    target = pathlib.Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name, (path, mode) in sorted(files.items()):
                entry = zipfile.ZipInfo(name, date_time=EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.create_system = 3  # Unix, or the mode counts for nothing
                entry.external_attr = (0o100000 | mode) << 16
                archive.writestr(entry, pathlib.Path(path).read_bytes(), compresslevel=9)
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target.stat().st_size


def policies_of(folder):
    """Returns the files of a folder of policies, as they are called within a zip."""
    files = sorted(pathlib.Path(folder).glob("*.cedar"))
    if not files:
        raise Refused(f"`{folder}` holds no *.cedar")
    # Lambda's user is not ours, and has to read them.
    return {f"policies/{file.name}": (file, DATA) for file in files}


def policies_in(file):
    """Returns the policies that were packaged into a zip, as a dict of names within it to bytes."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = sorted(name for name in archive.namelist() if name.startswith("policies/") and not name.endswith("/"))
            return {name: archive.read(name) for name in names}
    except (OSError, zipfile.BadZipFile, zlib.error) as error:
        raise Refused(f"`{file}` is no zip that can be read: {error}") from error


def aws_files(binary, policies=None):
    """Returns what the zip of a Lambda function holds, for the runtime `provided.al2023`."""
    return {"bootstrap": (binary, PROGRAM)} | (policies_of(policies) if policies else {})


def azure_files(source, binary, policies=None):
    """Returns what the zip of the function app holds: host.json, each function's function.json, and what host.json starts."""
    source = pathlib.Path(source)
    host = json.loads((source / "host.json").read_text(encoding="utf-8"))
    executable = os.path.normpath(host["customHandler"]["description"]["defaultExecutablePath"])
    functions = sorted(file.parent.name for file in source.glob("*/function.json"))
    if not functions:
        raise Refused(f"`{source}` has no function with a function.json")
    files = {"host.json": (source / "host.json", DATA), executable: (binary, PROGRAM)}
    files |= {f"{name}/function.json": (source / name / "function.json", DATA) for name in functions}
    return files | (policies_of(policies) if policies else {})


def digest(path):
    """Returns the SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def write_sums(folder):
    """Writes SHA256SUMS of a folder's zips and lists of parts, as `sha256sum --check` reads it. Returns its lines."""
    folder = pathlib.Path(folder)
    files = sorted(path for pattern in ("*.zip", "*.cdx.json") for path in folder.glob(pattern))
    lines = [f"{digest(path)}  {path.name}" for path in files]
    (folder / "SHA256SUMS").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return lines


def plain_bill(text, root):
    """Returns a CycloneDX list of parts without what differs from one machine or moment to the next."""
    bill = json.loads(text.replace(f"file://{root}", "file:///reprieve"))
    bill.pop("serialNumber", None)
    bill.get("metadata", {}).pop("timestamp", None)
    for key, of in (("components", "bom-ref"), ("dependencies", "ref")):
        if key in bill:
            bill[key].sort(key=lambda part: part[of])
    if not bill.get("components"):
        raise Refused("the list of parts names none: was it made of the right package?")
    return json.dumps(bill, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def arguments_of(argv):
    parser = argparse.ArgumentParser(prog="release", description=__doc__.splitlines()[0], allow_abbrev=False)
    verbs = parser.add_subparsers(dest="verb", required=True)
    aws = verbs.add_parser("aws", help="makes the zip of a Lambda function")
    azure = verbs.add_parser("azure", help="makes the zip of the function app")
    azure.add_argument("--source", required=True, help="folder with host.json")
    for verb in (aws, azure):
        verb.add_argument("--zip", required=True)
        verb.add_argument("--binary", required=True)
        verb.add_argument("--policies", help="folder of *.cedar")
        verb.add_argument("--limit", type=int, required=True, help="bytes that the zip may hold")
    bill = verbs.add_parser("bill", help="takes out of a CycloneDX list what differs between machines")
    bill.add_argument("--root", required=True, help="the checkout, whose path is taken out")
    bill.add_argument("--made", required=True, help="the list as cargo-cyclonedx made it")
    bill.add_argument("--out", required=True)
    sums = verbs.add_parser("sums", help="writes SHA256SUMS")
    sums.add_argument("folder")
    return parser.parse_args(argv)


def main(argv):
    arguments = arguments_of(argv)
    try:
        if arguments.verb == "sums":
            print("\n".join(write_sums(arguments.folder)))
            return 0
        if arguments.verb == "bill":
            text = plain_bill(pathlib.Path(arguments.made).read_text(encoding="utf-8"), arguments.root)
            pathlib.Path(arguments.out).write_text(text, encoding="utf-8")
            return 0
        if arguments.verb == "aws":
            files = aws_files(arguments.binary, arguments.policies)
        else:
            files = azure_files(arguments.source, arguments.binary, arguments.policies)
        size = write_zip(arguments.zip, files)
    except (Refused, OSError) as error:
        print(f"package: {error}", file=sys.stderr)
        return 2
    except (KeyError, ValueError, zlib.error) as error:
        print(f"package: something that a zip is made of is not as it must be: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.zip}: {size} bytes of {arguments.limit}, sha256 {digest(arguments.zip)}")
    if size > arguments.limit:
        print(f"package: `{arguments.zip}` is over its limit; see `cargo bloat --release --crates` for what grew", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
