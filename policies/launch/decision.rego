# METADATA
# title: The launch decision
# description: >-
#   The entrypoint for enclave_init. To decide otherwise, replace this package and build on data.launch.standard or on the
#   single questions.
package launch

import data.launch.standard

# METADATA
# title: The answer to enclave_init
# description: The standard policy's.
# entrypoint: true
decision := standard.answer
