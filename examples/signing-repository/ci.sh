#!/bin/sh
# What CI does before a release: sign, look at what changed, vet, and ask the fleet whether it would launch there.
#
#   sh ci.sh [OUT]
set -eu
out=${1:-build}

node make-enclaves.mjs "$out"

# The launch policy that production decides with, checked, tested and compiled.
launchgate check fleet
launchgate test fleet
launchgate build fleet --data "$out/signers.yaml" -o "$out/production.tar.gz"

# For the reviewer: what is different from what is out there.
launchgate diff "$out/released/service.sig" "$out/candidate/service.sig"

# The gate.
launchgate vet "$out/candidate" --baseline "$out/released" --data signing.yaml \
  --fleet "production=$out/production.tar.gz" \
  --report "junit=$out/junit.xml" --report "html=$out/report.html"
