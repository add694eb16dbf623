# METADATA
# title: Enclave hooks before EINIT
# description: The entrypoints for enclave_create and enclave_provision. Replace this package to decide otherwise.
package enclave

import data.enclave.creation

# METADATA
# title: The answer to enclave_create
# description: The standard policy's.
# entrypoint: true
create := creation.answer
