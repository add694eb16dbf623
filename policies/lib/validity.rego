# METADATA
# title: Validity in time
# description: >-
#   Whether an entry of the data document holds at the time of the event. Times are integers, Unix seconds. What is not a
#   number never counts as inside the limits.
package lib.validity

# METADATA
# title: Before not_before
early(entry) if {
	entry.not_before
	not reached(entry.not_before)
}

# METADATA
# title: After not_after
# description: The second not_after names is still inside.
late(entry) if {
	entry.not_after
	not within(entry.not_after)
}

# METADATA
# title: Not expired
# description: The second expires names is outside already.
current(entry) if {
	is_number(input.time)
	is_number(entry.expires)
	input.time < entry.expires
}

reached(time) if {
	is_number(input.time)
	is_number(time)
	input.time >= time
}

within(time) if {
	is_number(input.time)
	is_number(time)
	input.time <= time
}
