"""A simulated Asterisk: FastAGI's other side with scripted callers, simulated agents, and faults on command.

    asterisk = Simulator(reactor, by_tcp(reactor, "127.0.0.1", 4573), agents=[Agent("PJSIP/2001")])
    call = asterisk.dial("13800000001", on_event=print)      # state, playing, key, recording, ended
    call.press("1"); call.hang_up()
    asterisk.dial("13800000001", script=read_script("main:1 service:1 cancel_confirm:1"))
    asterisk.faults = Faults(cut_at=3)

`pace=0` lets no sound and no wait take any time. As a program: `shouwen simulate asterisk --help`.
"""

from ivr.simulator.agents import Agent, Queue
from ivr.simulator.callers import Step, read_script
from ivr.simulator.channel import Happened
from ivr.simulator.faults import Faults
from ivr.simulator.simulator import SimulatedCall, Simulator, by_tcp

__all__ = ["Agent", "Faults", "Happened", "Queue", "SimulatedCall", "Simulator", "Step", "by_tcp", "read_script"]
