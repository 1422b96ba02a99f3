"""OTLP over HTTP: `POST /v1/logs`, `application/x-protobuf`, read by OpenTelemetry's own definitions and Google's protobuf."""

import re
import time

from entry import ID, Entry, need, sane
from http1 import Violation

from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse

PATH = "/v1/logs"
TYPE = "application/x-protobuf"
KIND = "otlp"

KEY = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*\Z|container\.label\..+\Z", re.DOTALL)
GAP = "docklog.gap"  # the event that tells of a gap, which is no line
SLACK = 2_000_000_000  # nanoseconds between two readings of a clock that may be off


class Format:
    """Reads the requests, and answers them."""

    path, type, kind = PATH, TYPE, KIND

    def __init__(self, _options):
        pass

    def parse(self, body):
        request = ExportLogsServiceRequest()
        try:
            request.ParseFromString(body)
        except DecodeError as error:
            raise Violation(400, KIND, f"no ExportLogsServiceRequest: {error}") from None
        known(request)
        need(request.resource_logs, KIND, "no resource_logs")
        return [entry for resource in request.resource_logs for entry in self.resource(resource)]

    def resource(self, logs):
        need(logs.HasField("resource"), KIND, "resource_logs without resource")
        attributes = attributes_of(logs.resource.attributes, "a resource")
        need(logs.resource.dropped_attributes_count == 0, KIND, "dropped attributes of a resource")
        container, name = attributes.get("container.id"), attributes.get("container.name")
        need(isinstance(container, str) and ID.match(container), KIND, lambda: f"container.id is {container!r}")
        need(isinstance(name, str) and name, KIND, lambda: f"container.name is {name!r}")
        need(logs.scope_logs, KIND, "a resource without scope_logs")
        entries = []
        for scope in logs.scope_logs:
            attributes_of(scope.scope.attributes, "a scope")
            need(scope.log_records, KIND, "a scope without log_records")
            made = (self.record(name, record) for record in scope.log_records)
            entries += [entry for entry in made if entry]
        return entries

    def record(self, name, record):
        attributes = attributes_of(record.attributes, "a record")
        sane(record.time_unix_nano, "time_unix_nano", KIND)
        sane(record.observed_time_unix_nano, "observed_time_unix_nano", KIND)
        need(record.observed_time_unix_nano >= record.time_unix_nano - SLACK, KIND, "observed before it was written")
        need(record.observed_time_unix_nano <= time.time_ns() + SLACK, KIND, "observed in the future")
        need(0 <= record.severity_number <= 24, KIND, lambda: f"severity_number is {record.severity_number}")
        need(
            len(record.trace_id) in (0, 16) and len(record.span_id) in (0, 8),
            KIND,
            "trace_id or span_id of a wrong length",
        )
        need(record.dropped_attributes_count == 0, KIND, "dropped attributes of a record")
        body = body_of(record)
        if record.event_name == GAP:
            need({"docklog.gap.from", "docklog.gap.to"} <= attributes.keys(), KIND, lambda: f"a gap has {attributes}")
            return None
        stream = attributes.get("log.iostream")
        need(stream in ("stdout", "stderr"), KIND, lambda: f"log.iostream is {stream!r}")
        return Entry(name, stream, record.time_unix_nano, body)

    def split(self, entries):
        return entries, []

    def success(self, _entries, rejected):
        response = ExportLogsServiceResponse()
        if rejected:
            response.partial_success.rejected_log_records = rejected
            response.partial_success.error_message = "the receiver was told to reject them"
        return 200, TYPE, response.SerializeToString()

    def failure(self, status, text):
        """A google.rpc.Status, whose second field is the message."""
        message = text.encode()[:1000]
        length = len(message)
        prefix = bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])
        return TYPE, b"\x08" + bytes([3 if status == 400 else 14]) + b"\x12" + prefix + message


def body_of(record):
    """The line: a string, or where it is none, bytes."""
    need(record.HasField("body"), KIND, "a record without body")
    which = record.body.WhichOneof("value")
    need(which in ("string_value", "bytes_value"), KIND, lambda: f"the body is a {which}")
    if which == "string_value":
        return record.body.string_value.encode()
    try:
        record.body.bytes_value.decode("utf-8")
    except UnicodeDecodeError:
        return record.body.bytes_value
    need(False, KIND, "a body as bytes that is UTF-8")


def attributes_of(attributes, whose):
    values = {}
    for attribute in attributes:
        need(KEY.match(attribute.key), KIND, lambda: f"an attribute of {whose} is called {attribute.key!r}")
        need(attribute.key not in values, KIND, lambda: f"{whose} has {attribute.key} twice")
        which = attribute.value.WhichOneof("value")
        need(which, KIND, lambda: f"{attribute.key} of {whose} has no value")
        values[attribute.key] = getattr(attribute.value, which)
    return values


def known(message):
    """Refuses fields that the definitions don't have, however deep."""
    unknown = UnknownFieldSet(message)
    need(len(unknown) == 0, KIND, lambda: f"{message.DESCRIPTOR.name} has an unknown field {unknown[0].field_number}")
    for field, value in message.ListFields():
        if field.message_type:
            for item in value if field.is_repeated else [value]:
                known(item)
