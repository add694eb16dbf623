package vm

import data.vm.provisioning

# METADATA
# title: The answer to vm_provision
# description: The standard policy's.
# entrypoint: true
provision := provisioning.answer
