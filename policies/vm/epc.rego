# METADATA
# title: VM hooks
# description: The entrypoints for vm_epc and vm_provision. Replace this package to decide otherwise.
package vm

import data.vm.memory

# METADATA
# title: The answer to vm_epc
# description: The standard policy's.
# entrypoint: true
epc := memory.answer
