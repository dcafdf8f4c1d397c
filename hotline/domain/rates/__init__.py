"""The connection rate of the hotline: what a call's ending means, and what may be concluded from many of them.

`endings` classifies one attempt; `connection` makes rates of many, `intervals` their intervals and verdicts; `sequential`
raises and ends the alarm; `sizing` says when the next test call is wanted; `percentiles` tells times. All of it is pure: counts
in, values out.
"""
