# METADATA
# title: Whether a VM may have EPC
# description: >-
#   Without EPC there is no enclave in a VM. Under strict the VM has to be listed with epc true; under baseline any VM may
#   have EPC that is not listed with epc false.
package vm.memory

import data.launch.origin
import data.launch.verdict
import data.launch.vm as restrictions
import data.lib.profile
import data.lib.text

# METADATA
# title: Nobody knows which VM asks
# description: The source gives no id of a VM. Tolerated under baseline.
# custom:
#   code: vm_unknown
#   fix: have the source say which VM asks
violation contains {
	"code": "vm_unknown",
	"message": "EPC is asked for by a VM that is not known",
} if {
	not known
}

# METADATA
# title: The VM is not listed for EPC
# description: data.launchgate.vms does not say epc true of this VM. Tolerated under baseline.
# custom:
#   code: vm_epc_not_listed
#   fix: set epc of the VM in vms
violation contains {
	"code": "vm_epc_not_listed",
	"message": concat("", ["VM ", text.vm, " is not listed for EPC"]),
} if {
	known
	not listed
}

# METADATA
# title: EPC is forbidden for this VM
# description: data.launchgate.vms says epc false of this VM.
# custom:
#   code: vm_epc
#   fix: set epc of the VM in vms to true
violation contains {
	"code": "vm_epc",
	"message": concat("", ["EPC is forbidden for VM ", text.vm]),
} if {
	restrictions.place.epc == false
}

known if is_string(input.origin.vm.id)

listed if is_boolean(restrictions.place.epc)

# METADATA
# title: What stands against the place
# description: That it is closed.
violation contains found if some found in origin.closed

violation contains found if some found in restrictions.closed

# METADATA
# title: Whether the VM may have EPC
default allow := false

allow if {
	profile.ready
	input.hook == "vm_epc"
	is_string(input.origin.kind)
	is_string(input.origin.enforcement)
	count(deny) == 0
}

# METADATA
# title: The denials
deny := verdict.denials(violation)

# METADATA
# title: The answer
answer := {
	"allow": allow,
	"deny": deny,
	"warn": verdict.warnings(violation),
}
