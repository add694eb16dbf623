# METADATA
# title: Whether it may have the provisioning key
# description: >-
#   PROVISIONKEY gives a stable identity of the platform. It takes a listing with the flag provisionkey and a grant by
#   the source. What is not known counts as on.
package launch.provisionkey

import data.launch.admission

# METADATA
# title: PROVISIONKEY is on and not listed
# description: ATTRIBUTES.PROVISIONKEY is set, and no listing that admits the enclave grants it.
# custom:
#   code: provisionkey_not_listed
#   fix: set provisionkey in the listing
violation contains {
	"code": "provisionkey_not_listed",
	"message": "the enclave has PROVISIONKEY, and no listing grants it",
} if {
	input.enclave.provisionkey == "on"
	not admission.grants("provisionkey")
}

# METADATA
# title: PROVISIONKEY may be on and is not listed
# description: Nothing says whether ATTRIBUTES.PROVISIONKEY is set, and no listing that admits the enclave grants it.
# custom:
#   code: provisionkey_unknown
#   fix: sign with PROVISIONKEY in ATTRIBUTEMASK, or set provisionkey in the listing
violation contains {
	"code": "provisionkey_unknown",
	"message": "the enclave may have PROVISIONKEY, and no listing grants it",
} if {
	not input.enclave.provisionkey == "on"
	not input.enclave.provisionkey == "off"
	not admission.grants("provisionkey")
}

# METADATA
# title: PROVISIONKEY is or may be on and was not granted
# description: ATTRIBUTES.PROVISIONKEY is not known to be clear, and the source granted no access to it.
# custom:
#   code: provisionkey_not_granted
#   fix: grant the provision device to the process or the VM
violation contains {
	"code": "provisionkey_not_granted",
	"message": "the enclave has or may have PROVISIONKEY, and was not granted it",
} if {
	not input.enclave.provisionkey == "off"
	not input.grants.provisionkey.granted == true
}
