"""A fake `aws s3api` with the objects of one bucket: their legal holds, and the errors with which single objects are answered."""

from fakes import State, options_of, refuse


def main(words):
    state = State()
    plain, options = options_of(words)
    objects, errors = state.of("objects", {}), state.of("errors", {})
    if plain[:2] == ["s3api", "list-objects-v2"]:
        print("\n".join(key for key in objects if key.startswith(options["prefix"][0])) or "None")
        return 0
    key = options["key"][0]
    if code := errors.get(f"{plain[1]} {key}"):
        return refuse(f"\nAn error occurred ({code}) when calling the operation: it was refused")
    if plain[1] == "get-object-legal-hold":
        if objects[key] is None:
            return refuse("\nAn error occurred (NoSuchObjectLockConfiguration) when calling the GetObjectLegalHold operation: there is none")
        print(objects[key])
        return 0
    if plain[1] == "get-object-retention":
        print("2027-11-21T00:00:00+00:00")
        return 0
    if plain[1] == "put-object-legal-hold":
        objects[key] = options["legal-hold"][0].removeprefix("Status=")
        state.save()
        return 0
    return refuse(f"fake aws: it does not know `{' '.join(plain)}`")
