# METADATA
# title: Whether the launch token is for this enclave
# description: >-
#   EINIT reads a token only where its bit VALID is set, so any other is no concern here. A token never allows; one that
#   is for another enclave denies. Whether its MAC verifies only the CPU can tell.
package launch.token

# METADATA
# title: The token is for another enclave
# description: What the valid token says of MRENCLAVE, MRSIGNER, ATTRIBUTES or DEBUG does not fit this launch.
# custom:
#   code: token_mismatch
#   fix: get a token for this enclave and these attributes
violation contains {
	"code": "token_mismatch",
	"message": concat("", [
		"the launch token does not fit: ",
		concat(", ", [field | some field in input.token.mismatches; is_string(field)]),
	]),
} if {
	input.token.valid == true
	not input.token.mismatches == []
}
