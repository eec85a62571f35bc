"""A visitor of the dashboard without a browser: Streamlit's own messages over its websocket."""

import json
import time
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from websockets.sync.client import connect

LATE = ("taskpgm_axis", "taskpgm_intervals")
"""Components whose data come after the page, the first of them after all panels."""
PATIENCE = 120
"""Seconds to wait for a message."""


@dataclass(frozen=True)
class Answer:
    """What one run of a page sent: its elements in order, the seconds from the question to the
    last of them (``finished``) and to the last before what comes late (``panels``)."""

    elements: list[Element]
    query: dict[str, list[str]]
    panels: float
    finished: float

    def of_type(self, kind: str) -> list:
        return [getattr(e, kind) for e in self.elements if e.WhichOneof("type") == kind]

    def component(self, name: str):
        """The last component of that name."""
        return [c for c in self.of_type("bidi_component") if c.component_name == name][-1]


class Visitor:
    """One session on one page. Like a browser it keeps what the server need not send again."""

    def __init__(self, port: int, page: str = "", **query: object) -> None:
        self.socket = connect(
            f"ws://127.0.0.1:{port}/_stcore/stream", subprotocols=["streamlit"], max_size=None
        )
        self.page = {"page_name": page}
        self.query = urlencode(query, doseq=True)
        self.kept: dict[str, ForwardMsg] = {}

    def run(self, *widgets: WidgetState) -> Answer:
        """Run the page, as a browser does after a change of ``widgets``."""
        state = ClientState(
            query_string=self.query,
            widget_states=WidgetStates(widgets=widgets),
            cached_message_hashes=list(self.kept),
            **self.page,
        )
        elements: list[Element] = []
        panels = last = 0.0
        started = time.perf_counter()
        self.socket.send(BackMsg(rerun_script=state).SerializeToString())
        while True:
            message = ForwardMsg.FromString(self.socket.recv(PATIENCE))
            after = time.perf_counter() - started
            if message.ref_hash:
                message = self.kept[message.ref_hash]
            elif message.metadata.cacheable:
                self.kept[message.hash] = message
            kind = message.WhichOneof("type")
            if kind == "navigation":
                self.page = {"page_script_hash": message.navigation.page_script_hash}
            elif kind == "page_info_changed":
                self.query = message.page_info_changed.query_string
            elif kind == "delta" and message.delta.HasField("new_element"):
                element = message.delta.new_element
                if element.WhichOneof("type") == "exception":
                    raise RuntimeError(element.exception.message)
                if not panels and element.bidi_component.component_name.endswith(LATE):
                    panels = last
                last = after
                elements.append(element)
            elif kind == "script_finished" and message.script_finished == 0:
                return Answer(elements, parse_qs(self.query), panels or after, after)

    def release(self, answer: Answer, balance: float) -> Answer:
        """Let go of the dial of the last ``answer`` at that balance."""
        dial = answer.component("taskpgm_dial")
        return self.run(WidgetState(id=dial.id, json_value=json.dumps({"balance": balance})))

    def close(self) -> None:
        self.socket.close()
