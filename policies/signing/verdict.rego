# METADATA
# title: What becomes of what was found
# description: >-
#   A violation denies, always. What else denies or warns can be lifted by an exception until that expires, and the data
#   document can make deny, warn or ignore of each code. Nothing vanishes: what is ignored, lowered or lifted is said.
package signing.verdict

import data.launch.exceptions
import data.lib.text

# METADATA
# title: What denies
# description: Of found.violation, found.deny and found.warn, each a set of items.
denials(found) := found.violation | (kept(found.deny, "deny", "deny") | kept(found.warn, "warn", "deny"))

# METADATA
# title: What is warned of
# description: Warnings, what was ignored, and the exceptions that were used or have expired.
warnings(found) := warned | said if {
	warned := kept(found.deny, "deny", "warn") | kept(found.warn, "warn", "warn")
	liftable := found.deny | found.warn
	excepted := exceptions.used(liftable) | exceptions.expired(liftable)
	said := excepted | (ignored(found.deny, "deny") | ignored(found.warn, "warn"))
}

kept(items, usual, wanted) := {item |
	some found in items
	not found.code in exceptions.lifted
	level(found.code, usual) == wanted
	item := marked(found, usual, wanted)
}

# METADATA
# title: What the data document has us ignore
# description: One warning for each item that would deny or warn, had data.launchgate.signing.rules not said ignore.
# custom:
#   code: rule_ignored
#   fix: take the code out of data.launchgate.signing.rules, or use an exception, which expires
ignored(items, usual) := {warning |
	some found in items
	not found.code in exceptions.lifted
	level(found.code, usual) == "ignore"
	warning := {
		"code": "rule_ignored",
		"message": concat("", [text.short(found.code), " is ignored by the data document: ", text.short(found.message)]),
		"rule": found.code,
	}
}

# METADATA
# title: An item whose level is not the usual one says so
marked(found, usual, level) := found if usual == level

marked(found, usual, level) := object.union(found, {"usually": usual}) if usual != level

# METADATA
# title: The level of a code
# description: The data document's word, where it is one; else the usual one.
level(code, usual) := data.launchgate.signing.rules[code] if data.launchgate.signing.rules[code] in {
	"deny",
	"warn",
	"ignore",
}

else := usual
