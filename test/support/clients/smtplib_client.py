"""Sends the message on standard input with Python's smtplib; the request is JSON in the first argument,
the result is JSON on standard output."""

import json
import smtplib
import ssl
import sys

VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


def tls_context(request):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if request["caFile"]:
        context.load_verify_locations(request["caFile"])
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if request["ciphers"]:
        context.set_ciphers(request["ciphers"])
    if request["tlsVersion"]:
        context.minimum_version = context.maximum_version = VERSIONS[request["tlsVersion"]]
    return context


def connect(request):
    options = {"local_hostname": request["greeting"], "timeout": request["limitMs"] / 1000}
    place = (request["host"], request["port"])
    if request["tls"] == "implicit":
        return smtplib.SMTP_SSL(*place, context=tls_context(request), **options)
    session = smtplib.SMTP(*place, **options)
    if request["tls"] == "starttls":
        session.starttls(context=tls_context(request))
    return session


def authenticate(session, login):
    session.ehlo()
    session.user, session.password = login["user"], login["password"]
    method = getattr(session, "auth_" + login["mechanism"].lower().replace("-", "_"))
    # PLAIN goes with its initial response, LOGIN without one: what most devices do.
    session.auth(login["mechanism"], method, initial_response_ok=login["mechanism"] == "PLAIN")


def send(session, request, message):
    """Command by command, because sendmail() hides the reply to a message that was accepted."""
    session.ehlo_or_helo_if_needed()
    code, text = session.mail(request["sender"])
    if code != 250:
        return code, text
    for recipient in request["recipients"]:
        code, text = session.rcpt(recipient)
        if code not in (250, 251):
            return code, text
    return session.data(message)


def describe(code, text):
    return {"code": code, "reply": str(code) + " " + text.decode("utf-8", "backslashreplace")}


def run(request, message):
    result = {"ok": False, "code": None, "reply": "", "tls": None}
    session = None
    try:
        session = connect(request)
        if request["tls"] != "none":
            result["tls"] = session.sock.version()
        if request["login"]:
            authenticate(session, request["login"])
        code, text = send(session, request, message)
        result.update(describe(code, text), ok=code == 250)
        session.quit()
    except smtplib.SMTPResponseException as error:
        text = error.smtp_error
        result.update(describe(error.smtp_code, text if isinstance(text, bytes) else text.encode()))
        print(repr(error), file=sys.stderr)
    except (OSError, smtplib.SMTPException) as error:
        print(repr(error), file=sys.stderr)
    finally:
        if session is not None:
            session.close()
    return result


print(json.dumps(run(json.loads(sys.argv[1]), sys.stdin.buffer.read())))
