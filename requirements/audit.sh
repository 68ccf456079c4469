#!/bin/sh
# Ask for the known vulnerabilities of the runtime's pinned versions, for each release: audit.sh <pip-audit> [its further
# arguments]. What audit.txt explains is left out. Called by `make audit`.
set -eu
cd "$(dirname "$0")/.."
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# The ids that audit.txt explains for a release, as pip-audit wants to be told.
accepted() {
    awk -F ' *[|] *' -v release="$1 " '!/^#/ && index(", " $3, ", " release) { print $1 }' requirements/audit.txt |
        tr -s ' ' '\n' | sed 's/^/--ignore-vuln /'
}

verdict=0
for release in verawood ulmo; do
    echo "requirements/$release/base.txt"
    # Strict: what cannot be audited is a failure, not a remark.
    # shellcheck disable=SC2046 # the ids are to be split
    if "$@" --strict --disable-pip --no-deps --progress-spinner off -r "requirements/$release/base.txt" \
        $(accepted "$release") >"$said" 2>&1; then
        cat "$said"
        continue
    fi
    cat "$said"
    verdict=1
    if grep -qE 'could not be audited|ConnectionError|Timeout|HTTPError' "$said"; then
        echo "NOT AUDITED: advisories could not be reached, so there is no verdict on any package." >&2
        echo "Try another source (make audit ARGS='-s osv'), or from elsewhere." >&2
    fi
done
exit "$verdict"
