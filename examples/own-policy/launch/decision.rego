# METADATA
# title: Which enclaves may launch on this fleet
# description: >-
#   The standard policy (data.launch.standard), which judges by launchgate/data.yaml, and three rules of our own, which
#   judge by fleet/data.yaml: a VM launches the products that it is there for, none of them older than it demands, and
#   debugging stays in the VMs that are made for it. A launch must satisfy both.
package launch

import data.launch.standard
import data.lib.text

# METADATA
# title: The answer to enclave_init
# entrypoint: true
decision := {
	"allow": allow,
	"deny": deny,
	"warn": standard.warn,
}

default allow := false

allow if {
	standard.allow
	count(deny) == 0
}

deny := standard.deny | violation

# METADATA
# title: What the fleet says of this VM
# description: Undefined for a VM that it does not name, and for a launch that comes from none.
machine := data.fleet.vms[input.origin.vm.id]

# METADATA
# title: What the fleet says of this product in this VM
product := machine.products[text.isvprodid]

# METADATA
# title: The launch comes from a guest
guest if input.origin.kind == "kvm"

guest if input.origin.kind == "guest-agent"

# METADATA
# title: The VM is not there for this product
# description: A guest's enclave whose ISVPRODID is not among the products of its VM, or whose VM is not of the fleet.
# custom:
#   code: fleet_product
#   fix: launch it in a VM that has the product, or add the product to the VM in fleet/data.yaml
violation contains {
	"code": "fleet_product",
	"message": concat("", ["VM ", text.vm, " is not there for product ", text.isvprodid]),
} if {
	guest
	not product
}

# METADATA
# title: The product is older than the VM demands
# description: ISVSVN is below the min_isvsvn of the product in this VM. A product without one is old, whatever its ISVSVN.
# custom:
#   code: fleet_isvsvn
#   fix: launch a newer release
violation contains {
	"code": "fleet_isvsvn",
	"message": concat("", ["ISVSVN ", text.isvsvn, " of product ", text.isvprodid, " is too low for VM ", text.vm]),
} if {
	guest
	product
	not recent
}

recent if input.enclave.isvsvn >= product.min_isvsvn

# METADATA
# title: Debugging outside the lab
# description: DEBUG is on, or nothing says that it is off, and the VM is not one to debug in. On the host no launch is.
# custom:
#   code: fleet_debug
#   fix: sign with DEBUG in ATTRIBUTEMASK, or debug in a VM that has debug in fleet/data.yaml
violation contains {
	"code": "fleet_debug",
	"message": concat("", ["DEBUG is ", text.short(input.enclave.debug), ", and VM ", text.vm, " is not one to debug in"]),
} if {
	not input.enclave.debug == "off"
	not machine.debug == true
}
