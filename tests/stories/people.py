"""Owns the people of the stories, and the refund that they ask for."""

from bailiwick.policies.principals import Principal

CUSTOMER = Principal(id="customer")
CLERK = Principal(id="clerk", roles=frozenset({"clerk"}))
MANAGER = Principal(id="manager", roles=frozenset({"manager"}))
SECOND_MANAGER = Principal(id="second manager", roles=frozenset({"manager"}))

ORDER = "A-1002"
"""An order of 899.00 EUR: the shop itself would pay 5.00 of it back again and again."""

REFUND = ("issue_refund", {"order_id": ORDER, "amount": "5.00"})
REQUEST = f"Please refund 5.00 EUR of order {ORDER}"
