# METADATA
# title: The signing decision
# description: >-
#   The entrypoint for those who sign enclaves, asked by launchgate vet. To add rules of your own, define deny, warn or
#   violation in the package signing.custom; to decide otherwise, replace this package.
package signing

import data.signing.standard

# METADATA
# title: The answer to launchgate vet
# description: The standard policy's.
# entrypoint: true
decision := standard.answer
