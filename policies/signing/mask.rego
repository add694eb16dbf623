# METADATA
# title: What the masks leave to the launcher
# description: A bit outside ATTRIBUTEMASK is the launcher's to choose. DEBUG and XFRM have questions of their own.
package signing.mask

import data.signing.shown

# METADATA
# title: The launcher may give the enclave a key of the platform
# description: >-
#   PROVISIONKEY or EINITTOKENKEY is outside ATTRIBUTEMASK: whoever launches the enclave may add the key, and code that was
#   not written for it will have it.
# custom:
#   code: mask_key_free
#   fix: sign with PROVISIONKEY and EINITTOKENKEY in ATTRIBUTEMASK
deny contains {
	"code": "mask_key_free",
	"message": concat("", ["ATTRIBUTEMASK leaves free: ", concat(", ", sort(names))]),
	"bits": sort(names),
} if {
	names := free({"provisionkey", "einittokenkey"})
	count(names) > 0
}

# METADATA
# title: The launcher may choose the enclave's mode
# description: >-
#   MODE64BIT, CET, KSS or AEXNOTIFY is outside ATTRIBUTEMASK. The same code may then run in another mode than it was tested
#   in, or with identities that no signature covers.
# custom:
#   code: mask_bit_free
#   fix: sign with every bit of FLAGS in ATTRIBUTEMASK that you do not mean to leave to the launcher
warn contains {
	"code": "mask_bit_free",
	"message": concat("", ["ATTRIBUTEMASK leaves free: ", concat(", ", sort(names))]),
	"bits": sort(names),
} if {
	names := free({"mode64bit", "cet", "kss", "aexnotify"})
	count(names) > 0
}

# METADATA
# title: The launcher may choose MISCSELECT
# description: >-
#   MISCMASK does not cover all of MISCSELECT, which decides what exits tell the host of page faults inside the enclave.
# custom:
#   code: miscmask_open
#   fix: sign with MISCMASK 0xffffffff
warn contains {
	"code": "miscmask_open",
	"message": concat("", ["MISCMASK is ", shown.miscmask, ", expected 0xffffffff"]),
} if {
	input.sigstruct.miscmask != "0xffffffff"
}

free(bits) := {bit |
	some bit in bits
	input.sigstruct.attributemask.bits[bit] == false
}
