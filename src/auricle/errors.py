"""Every error Auricle raises on purpose.

AuricleError(message, *, param=None)
|- InvalidRequest        a bad field or contradictory options
|  |- UnreadableAudio    the bytes are no audio we can decode
|  |- NotSupported       a feature this server or model does not have
|  |- UnknownModel       no such model id or alias
|  `- TooLarge           over a size, count or duration limit
|- NotAuthenticated      no key or a wrong one
|- NotAllowed            the key, host or origin may not do this
|- NotFound              no such file, job or model card
|- Conflict              the resource is in the wrong state
|- Overloaded            no capacity; try again after `retry_after_s`
|- Unavailable           not ready or draining; try again after `retry_after_s`
|- DeadlineExceeded      the request's own time limit
|- UpstreamFailed        another server, which runs the model, gave no usable answer
|- WeightsError          a model's files are missing, damaged or cannot be fetched
|- SettingsError         a setting is unknown or has a bad value
`- EngineFailed          our fault: details go to the log, never to the client

`server/status.py` maps each class to its HTTP status; nothing else knows statuses.
"""


class AuricleError(Exception):
    """Base of all errors; the message names the field, the value seen and the value allowed."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


class InvalidRequest(AuricleError):
    """A field is wrong, missing, or contradicts another."""


class UnreadableAudio(InvalidRequest):
    """The bytes cannot be decoded as audio, or hold no audio track."""


class NotSupported(InvalidRequest):
    """A known feature that this server or this model does not have."""


class UnknownModel(InvalidRequest):
    """No model of that id or alias is served here."""


class TooLarge(InvalidRequest):
    """Over a limit of size, count or duration; the message says the limit."""


class NotAuthenticated(AuricleError):
    """No key was given, or a wrong one."""


class NotAllowed(AuricleError):
    """The caller is known but may not do this."""


class NotFound(AuricleError):
    """No such thing, or none that this key may see."""


class Conflict(AuricleError):
    """The thing exists but its state does not allow this."""


class _TryLater(AuricleError):
    """Shared by the errors that carry a `Retry-After`."""

    def __init__(self, message: str, *, retry_after_s: int = 1, param: str | None = None) -> None:
        super().__init__(message, param=param)
        self.retry_after_s = retry_after_s


class Overloaded(_TryLater):
    """No permit or a full queue."""


class Unavailable(_TryLater):
    """Still loading, draining, or an engine was lost."""


class DeadlineExceeded(AuricleError):
    """The request's own time limit passed."""


class UpstreamFailed(AuricleError):
    """Another server, which runs the model, gave no usable answer."""


class WeightsError(AuricleError):
    """A model's files are missing, damaged or cannot be fetched; the message says what to do."""


class SettingsError(AuricleError):
    """A setting is unknown or has a value it cannot take."""


class EngineFailed(AuricleError):
    """A fault of ours; the client sees a generic message."""
