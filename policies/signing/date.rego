# METADATA
# title: What DATE says
# description: EINIT looks at none of it; people and inventories do.
package signing.date

import data.signing.shown

# METADATA
# title: DATE is zero
# description: Nobody will know when this was signed, and a later release cannot be told from an earlier one by its date.
# custom:
#   code: date_zero
#   fix: sign with the day of signing as DATE
warn contains {
	"code": "date_zero",
	"message": "DATE is zero",
} if {
	"date_zero" in input.findings
}

# METADATA
# title: DATE is not BCD
# description: DATE is read as the hex digits yyyymmdd. Old Gramine wrote the numbers in binary, and then nobody can read it.
# custom:
#   code: date_not_bcd
#   fix: sign with a tool that writes DATE as BCD, yyyymmdd
warn contains {
	"code": "date_not_bcd",
	"message": concat("", ["DATE is ", shown.date, ", expected decimal digits yyyymmdd"]),
} if {
	"date_not_bcd" in input.findings
}

# METADATA
# title: DATE is no day
# description: The digits are decimal, and the calendar has no such day. The tool that wrote it computes dates wrongly.
# custom:
#   code: date_not_a_day
#   fix: sign with the day of signing as DATE
warn contains {
	"code": "date_not_a_day",
	"message": concat("", ["DATE is ", shown.date, ", which is no day of the calendar"]),
} if {
	"date_not_a_day" in input.findings
}

# METADATA
# title: DATE lies in the future
# description: >-
#   The clock of the machine that signed is wrong, or somebody chose the date. Tolerated are as many days as
#   data.launchgate.signing.max_future_days says, by default 1, since the day of signing may be another time zone's.
# custom:
#   code: date_in_future
#   fix: set the clock, and sign with the day of signing as DATE
deny contains {
	"code": "date_in_future",
	"message": concat("", ["DATE is ", shown.date, ", which is still to come"]),
} if {
	is_number(input.time)
	is_number(input.sigstruct.date_unix)
	input.sigstruct.date_unix > input.time + (max_future_days * 86400)
}

default max_future_days := 1

max_future_days := days if {
	days := data.launchgate.signing.max_future_days
	is_number(days)
}
