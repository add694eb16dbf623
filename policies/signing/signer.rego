# METADATA
# title: Who signed
package signing.signer

import data.lib.text
import data.signing.shown

# METADATA
# title: The private half of the signing key is public
# description: >-
#   Anyone can sign as this MRSIGNER, and whatever the enclave seals to its signer, anyone's enclave can unseal. These are
#   keys out of samples and SDKs.
# custom:
#   code: key_is_public
#   fix: sign with a key of your own, kept in an HSM or a signing service
deny contains {
	"code": "key_is_public",
	"message": concat("", ["signed with a key that everybody has: ", shown.signer]),
} if {
	input.enclave.signer.key_is_public == true
}

# METADATA
# title: The signer is not one of those expected
# description: data.launchgate.signing.mrsigners names who signs here. A build signed with another key is somebody else's.
# custom:
#   code: signer_not_expected
#   fix: sign with the release key, or list its MRSIGNER in data.launchgate.signing.mrsigners
deny contains {
	"code": "signer_not_expected",
	"message": concat("", ["signer ", text.mrsigner, " is not among data.launchgate.signing.mrsigners"]),
} if {
	input.signed == true
	count(data.launchgate.signing.mrsigners) > 0
	not data.launchgate.signing.mrsigners[input.enclave.mrsigner]
}

# METADATA
# title: VENDOR claims Intel
# description: >-
#   VENDOR is a claim that any signer may make, and MRSIGNER is no key of Intel's. Some launch enclaves and tools take such a
#   SIGSTRUCT for an enclave of Intel's.
# custom:
#   code: vendor_claimed
#   fix: sign with VENDOR 0
warn contains {
	"code": "vendor_claimed",
	"message": concat("", ["VENDOR is Intel's 0x8086, the signer is ", text.mrsigner]),
} if {
	input.sigstruct.vendor == 32902
	not intel
}

intel if {
	startswith(input.enclave.signer.name, "Intel ")
	input.enclave.signer.key_is_public == false
}

# METADATA
# title: It is not signed yet
# description: This is material for a signer. What the key makes of it (MRSIGNER, the signature) could not be judged.
# custom:
#   code: not_signed
#   fix: vet the signed enclave too, before it is released
warn contains {
	"code": "not_signed",
	"message": concat("", ["measurement ", text.mrenclave, " is not signed yet"]),
} if {
	input.signed == false
}
