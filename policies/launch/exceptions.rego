# METADATA
# title: What is lifted for a while
# description: >-
#   An exception lifts the denials of one code for the events it matches, until it expires, and each use of it is warned
#   of. It matches where everything it names is equal. A revocation is never lifted.
package launch.exceptions

import data.lib.text
import data.lib.validity

# METADATA
# title: The denials that no exception lifts
unliftable := {"mrenclave_revoked", "mrsigner_revoked", "product_revoked"}

# METADATA
# title: The codes lifted for this event
lifted contains exception.rule if {
	some exception in data.launchgate.exceptions
	matches(exception)
	validity.current(exception)
}

# METADATA
# title: An exception that lifted something
# description: One warning for each exception and code among these violations.
# custom:
#   code: exception_used
#   fix: remove the cause of the denial before the exception expires
used(violations) := {warning |
	some found in violations
	some id, exception in data.launchgate.exceptions
	exception.rule == found.code
	matches(exception)
	validity.current(exception)
	warning := {
		"code": "exception_used",
		"message": concat("", ["exception ", id, " lifts ", found.code, ": ", text.reason(exception)]),
		"exception": id,
		"rule": found.code,
	}
}

# METADATA
# title: An exception that would have lifted something, had it not expired
# description: One warning for each exception and code among these violations, where no other exception lifts the code.
# custom:
#   code: exception_expired
#   fix: remove the exception, or renew it by moving expires
expired(violations) := {warning |
	some found in violations
	some id, exception in data.launchgate.exceptions
	exception.rule == found.code
	matches(exception)
	not found.code in lifted
	warning := {
		"code": "exception_expired",
		"message": concat("", ["exception ", id, " for ", found.code, " has expired"]),
		"exception": id,
		"rule": found.code,
	}
}

matches(exception) if {
	not exception.rule in unliftable
	count(exception.match) > 0
	every name, value in exception.match {
		same(name, value)
	}
}

same("mrsigner", value) if input.enclave.mrsigner == value

same("mrenclave", value) if input.enclave.mrenclave == value

same("isvprodid", value) if input.enclave.isvprodid == value

same("origin", value) if input.origin.kind == value

same("vm", value) if input.origin.vm.id == value
