package enclave

import data.enclave.provisioning

# METADATA
# title: The answer to enclave_provision
# description: The standard policy's.
# entrypoint: true
provision := provisioning.answer
