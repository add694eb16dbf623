# METADATA
# title: What the VM allows
# description: >-
#   Restrictions for one VM by its id. They only take away; nothing here admits an enclave, and no listing outweighs
#   them.
package launch.vm

import data.lib.text

# METADATA
# title: The restrictions for this VM
# description: Undefined where there are none.
place := data.launchgate.vms[input.origin.vm.id]

# METADATA
# title: The VM is closed
# description: data.launchgate.vms says enabled false.
# custom:
#   code: vm_disabled
#   fix: enable the VM in data.launchgate.vms
closed contains {
	"code": "vm_disabled",
	"message": concat("", ["no enclave may launch from VM ", text.vm]),
} if {
	place.enabled == false
}

# METADATA
# title: The VM is not enforced as it has to be
# description: data.launchgate.vms says how events of this VM are to be enforced, and this one is not.
# custom:
#   code: vm_enforcement
#   fix: use a source that enforces in one of the listed ways
closed contains {
	"code": "vm_enforcement",
	"message": concat("", ["launches from VM ", text.vm, " have to be enforced in another way"]),
} if {
	place.enforcement
	not place.enforcement[input.origin.enforcement]
}

# METADATA
# title: DEBUG is or may be on, and is forbidden for this VM
# description: data.launchgate.vms says debug false, which no listing outweighs.
# custom:
#   code: vm_debug
#   fix: launch without DEBUG, or somewhere else
forbidden contains {
	"code": "vm_debug",
	"message": concat("", ["DEBUG is forbidden for VM ", text.vm]),
} if {
	place.debug == false
	not input.enclave.debug == "off"
}

# METADATA
# title: PROVISIONKEY is or may be on, and is forbidden for this VM
# description: data.launchgate.vms says provisionkey false, which no listing outweighs.
# custom:
#   code: vm_provisionkey
#   fix: launch without PROVISIONKEY, or somewhere else
forbidden contains {
	"code": "vm_provisionkey",
	"message": concat("", ["PROVISIONKEY is forbidden for VM ", text.vm]),
} if {
	place.provisionkey == false
	not input.enclave.provisionkey == "off"
}

# METADATA
# title: EINITTOKENKEY is or may be on, and is forbidden for this VM
# description: data.launchgate.vms says einittokenkey false, which no listing outweighs.
# custom:
#   code: vm_einittokenkey
#   fix: launch without EINITTOKENKEY, or somewhere else
forbidden contains {
	"code": "vm_einittokenkey",
	"message": concat("", ["EINITTOKENKEY is forbidden for VM ", text.vm]),
} if {
	place.einittokenkey == false
	not input.enclave.einittokenkey == "off"
}

# METADATA
# title: The signer is not listed for this VM
# description: data.launchgate.vms names the signers for this VM, and MRSIGNER is not one of them.
# custom:
#   code: vm_signer_not_listed
#   fix: add the signer to the mrsigners of the VM
unlisted contains {
	"code": "vm_signer_not_listed",
	"message": concat("", ["signer ", text.mrsigner, " is not listed for VM ", text.vm]),
} if {
	place.mrsigners
	not place.mrsigners[input.enclave.mrsigner]
}

# METADATA
# title: The measurement is not listed for this VM
# description: data.launchgate.vms names the measurements for this VM, and MRENCLAVE is not one of them.
# custom:
#   code: vm_mrenclave_not_listed
#   fix: add the measurement to the mrenclaves of the VM
unlisted contains {
	"code": "vm_mrenclave_not_listed",
	"message": concat("", ["measurement ", text.mrenclave, " is not listed for VM ", text.vm]),
} if {
	place.mrenclaves
	not place.mrenclaves[input.enclave.mrenclave]
}

# METADATA
# title: What stands against the VM
# description: Nothing where the data document restricts it in no way.
violation := (closed | forbidden) | unlisted if place

else := set()
