# METADATA
# title: Whether it may have the launch key
# description: >-
#   EINITTOKENKEY makes a launch enclave: its holder can write launch tokens. It takes a listing with the flag
#   einittokenkey. What is not known counts as on.
package launch.einittokenkey

import data.launch.admission

# METADATA
# title: EINITTOKENKEY is on and not listed
# description: ATTRIBUTES.EINITTOKENKEY is set, and no listing that admits the enclave grants it.
# custom:
#   code: einittokenkey_not_listed
#   fix: set einittokenkey in the listing
violation contains {
	"code": "einittokenkey_not_listed",
	"message": "the enclave has EINITTOKENKEY, and no listing grants it",
} if {
	input.enclave.einittokenkey == "on"
	not admission.grants("einittokenkey")
}

# METADATA
# title: EINITTOKENKEY may be on and is not listed
# description: Nothing says whether ATTRIBUTES.EINITTOKENKEY is set, and no listing that admits the enclave grants it.
# custom:
#   code: einittokenkey_unknown
#   fix: sign with EINITTOKENKEY in ATTRIBUTEMASK, or set einittokenkey in the listing
violation contains {
	"code": "einittokenkey_unknown",
	"message": "the enclave may have EINITTOKENKEY, and no listing grants it",
} if {
	not input.enclave.einittokenkey == "on"
	not input.enclave.einittokenkey == "off"
	not admission.grants("einittokenkey")
}
