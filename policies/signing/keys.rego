# METADATA
# title: Which keys of the platform it asks for
package signing.keys

# METADATA
# title: PROVISIONKEY is asked for
# description: >-
#   The key gives a stable identity of the platform, over all reinstallations. Only attestation infrastructure needs it; hosts
#   grant it rarely, and under strict only to what they list.
# custom:
#   code: provisionkey_requested
#   fix: sign without PROVISIONKEY, or set provisionkey_requested to warn in data.launchgate.signing.rules
deny contains {
	"code": "provisionkey_requested",
	"message": "ATTRIBUTES asks for PROVISIONKEY",
} if {
	input.sigstruct.attributes.bits.provisionkey == true
}

# METADATA
# title: EINITTOKENKEY is asked for
# description: >-
#   Only launch enclaves need the key that makes launch tokens. The CPU gives it to no signer but the one in
#   IA32_SGXLEPUBKEYHASH, and Linux to none at all.
# custom:
#   code: einittokenkey_requested
#   fix: sign without EINITTOKENKEY
deny contains {
	"code": "einittokenkey_requested",
	"message": "ATTRIBUTES asks for EINITTOKENKEY",
} if {
	input.sigstruct.attributes.bits.einittokenkey == true
}
