# METADATA
# title: What becomes of a violation
# description: >-
#   It is lifted by an exception, or tolerated by the profile with a warning, or it denies. The same for every hook.
package launch.verdict

import data.launch.exceptions
import data.lib.profile

# METADATA
# title: The violations that deny
# description: One without a code denies under every profile.
denials(violations) := {found |
	some found in violations
	not lifted(found)
	not tolerated(found)
}

# METADATA
# title: What is warned of
# description: The violations that the profile tolerates, and the exceptions that were used or have expired.
warnings(violations) := (passing(violations) | exceptions.used(violations)) | exceptions.expired(violations)

passing(violations) := {found |
	some found in violations
	not lifted(found)
	tolerated(found)
}

lifted(found) if found.code in exceptions.lifted

tolerated(found) if profile.tolerates(found.code)
