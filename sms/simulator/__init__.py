"""A simulated SMSC: SMPP 3.4's other side, with faults on command.

    smsc = Smsc(reactor)                          # or task.Clock(), with smsc.session().makeConnection(StringTransport())
    port = smsc.listen(reactor).getHost().port    # system_id "shouwen", password "secret" unless Settings say otherwise
    handle = smsc.send_mo("8613800000001", "10655123", "DZ 10", split="udh8")
    await handle.acknowledged                     # handle.state: acknowledged or rejected
    smsc.received[-1].text, smsc.texts_to("8613800000001")   # what handsets show
    smsc.faults.throttle_next = 3                 # see sms.simulator.faults.Faults
    smsc.cut(); smsc.unbind(); smsc.send_bad("truncated")
    await smsc.stop()

As a program: `python -m sms.simulator --help`; its HTTP control port: `sms.simulator.control`; for load:
`python -m sms.simulator.load`.
"""

from sms.simulator.faults import BadFault, Faults
from sms.simulator.mailbox import MoHandle
from sms.simulator.records import Mt, MtPart
from sms.simulator.server import CannotDo, Settings, Smsc
from sms.simulator.session import Session
from sms.simulator.texts import BadText

__all__ = ["BadFault", "BadText", "CannotDo", "Faults", "MoHandle", "Mt", "MtPart", "Session", "Settings", "Smsc"]
