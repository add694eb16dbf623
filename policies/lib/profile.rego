# METADATA
# title: The profile
# description: >-
#   What the three profiles make of a violation: strict denies every one, baseline all but those in one table, open none.
#   A profile of another name tolerates nothing, and without a complete data document nothing is ready to allow.
package lib.profile

# METADATA
# title: The violations that baseline tolerates
# description: By code, with the reason. What is not in this table is denied under baseline as under strict.
baseline_tolerates := {
	"signer_not_listed": "any signer may launch",
	"lepubkeyhash_unknown": "a launch enclave hash that is not known is no reason to deny",
	"lepubkeyhash_none_listed": "who lists no launch enclave leaves the choice to the guests",
	"vm_unknown": "any VM may have EPC",
	"vm_epc_not_listed": "any VM may have EPC",
}

# METADATA
# title: Whether the profile lets a violation pass with a warning
tolerates(_) if data.launchgate.profile == "open"

tolerates(code) if {
	data.launchgate.profile == "baseline"
	baseline_tolerates[code]
}

# METADATA
# title: The data document is there, of version 1, complete, and of a known profile
ready if {
	data.launchgate.version == 1
	known
	data.launchgate.signers
	data.launchgate.mrenclaves
	data.launchgate.revoked.mrenclaves
	data.launchgate.revoked.mrsigners
	data.launchgate.revoked.products
	data.launchgate.attributes.forbid
	data.launchgate.attributes.require
	data.launchgate.lepubkeyhashes
	data.launchgate.origins
	data.launchgate.vms
	data.launchgate.exceptions
}

known if data.launchgate.profile == "strict"

known if data.launchgate.profile == "baseline"

known if data.launchgate.profile == "open"
