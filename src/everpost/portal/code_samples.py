"""One request as a program would make it: with cURL, in Java, in PHP and in Python.

Each sample is whole: it runs as it stands once the environment holds an access token in TOKEN.
"""

import json
from collections.abc import Mapping
from typing import Any

import msgspec


class Call(msgspec.Struct, frozen=True):
    """A request: a JSON body, or the parts of a form of which those that begin with @ are files, or neither."""

    method: str
    url: str
    body: Any = None
    parts: Mapping[str, str] | None = None
    has_answer: bool = True


class CodeSample(msgspec.Struct, frozen=True):
    language: str
    code: str


def samples(call: Call) -> list[CodeSample]:
    return [
        CodeSample("cURL", curl(call)),
        CodeSample("Java", java(call)),
        CodeSample("PHP", php(call)),
        CodeSample("Python", python(call)),
    ]


def curl(call: Call) -> str:
    parts = ["curl" if call.method == "GET" else f"curl -X {call.method}", _shell(call.url)]
    parts.append('-H "Authorization: Bearer $TOKEN"')
    if call.body is not None:
        parts += ["-H 'Content-Type: application/json'", f"-d {_shell(_json(call.body))}"]
    parts += [f"-F {_shell(f'{name}={value}')}" for name, value in (call.parts or {}).items()]
    return " \\\n  ".join(parts)


def python(call: Call) -> str:
    lines = ["import os", "", "import requests", ""]
    if call.body is not None:
        lines.append(f"body = {_python(call.body)}")
    arguments = ""
    if call.body is not None:
        arguments = "    json=body,\n"
    elif call.parts is not None:
        arguments = "".join(f"    {name}={value},\n" for name, value in _python_parts(call.parts))
    lines.append(
        f"answer = requests.{call.method.lower()}(\n    {json.dumps(call.url)},\n"
        f'    headers={{"Authorization": f"Bearer {{os.environ[\'TOKEN\']}}"}},\n{arguments}    timeout=30,\n)'
    )
    lines.append("answer.raise_for_status()")
    lines.append("print(answer.json())" if call.has_answer else "print(answer.status_code)")
    return "\n".join(lines)


def php(call: Call) -> str:
    options = [f"    CURLOPT_CUSTOMREQUEST => '{call.method}',", "    CURLOPT_RETURNTRANSFER => true,"]
    headers = ["'Authorization: Bearer ' . getenv('TOKEN')"]
    before = ""
    if call.body is not None:
        headers.append("'Content-Type: application/json'")
        before = f"$body = <<<'JSON'\n{_json(call.body)}\nJSON;\n"
        options.append("    CURLOPT_POSTFIELDS => $body,")
    elif call.parts is not None:
        fields = "".join(f"        '{name}' => {_php_part(value)},\n" for name, value in call.parts.items())
        options.append(f"    CURLOPT_POSTFIELDS => [\n{fields}    ],")
    options.insert(1, f"    CURLOPT_HTTPHEADER => [{', '.join(headers)}],")
    return (
        f"<?php\n{before}$request = curl_init('{call.url}');\ncurl_setopt_array($request, [\n"
        + "\n".join(options)
        + '\n]);\n$answer = curl_exec($request);\necho curl_getinfo($request, CURLINFO_HTTP_CODE), "\\n", $answer;'
    )


def java(call: Call) -> str:
    content, content_type, before = "noBody()", "", ""
    if call.body is not None:
        content = "ofString(body)"
        content_type = '            .header("Content-Type", "application/json")\n'
        before = f"        String body = {_java_text(_json(call.body))};\n"
    elif call.parts is not None:
        content = "ofString(body)"
        content_type = '            .header("Content-Type", "multipart/form-data; boundary=part")\n'
        before = _java_parts(call.parts)
    files = "import java.nio.file.*;\n" if call.parts else ""
    return (
        f"import java.net.URI;\nimport java.net.http.*;\n{files}\n"
        "public class Sample {\n    public static void main(String[] arguments) throws Exception {\n"
        f"{before}"
        f"        HttpRequest request = HttpRequest.newBuilder(URI.create({json.dumps(call.url)}))\n"
        '            .header("Authorization", "Bearer " + System.getenv("TOKEN"))\n'
        f"{content_type}"
        f'            .method("{call.method}", HttpRequest.BodyPublishers.{content})\n'
        "            .build();\n"
        "        HttpResponse<String> answer = HttpClient.newHttpClient()\n"
        "            .send(request, HttpResponse.BodyHandlers.ofString());\n"
        '        System.out.println(answer.statusCode() + "\\n" + answer.body());\n    }\n}'
    )


def _json(body: Any) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False)


def _shell(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _python(value: Any, indent: int = 0) -> str:
    """A literal as people write it, a member a line."""
    inner, end = " " * (indent + 4), " " * indent
    if isinstance(value, dict) and value:
        members = [f"{inner}{json.dumps(name)}: {_python(each, indent + 4)},\n" for name, each in value.items()]
        return "{\n" + "".join(members) + end + "}"
    if isinstance(value, list) and value:
        return "[\n" + "".join(f"{inner}{_python(each, indent + 4)},\n" for each in value) + end + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _python_parts(parts: Mapping[str, str]) -> list[tuple[str, str]]:
    files = [f'{json.dumps(name)}: open({json.dumps(_file(value))}, "rb")' for name, value in _files(parts).items()]
    fields = {name: value for name, value in parts.items() if name not in _files(parts)}
    return [("files", "{" + ", ".join(files) + "}"), ("data", json.dumps(fields))]


def _php_part(value: str) -> str:
    return f"new CURLFile('{_file(value)}', 'text/csv')" if value.startswith("@") else f"'{value}'"


def _java_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"""')
    indented = "\n".join(" " * 12 + line for line in escaped.splitlines())
    return f'"""\n{indented}"""'


def _java_parts(parts: Mapping[str, str]) -> str:
    lines = []
    for name, value in parts.items():
        is_file = value.startswith("@")
        file_name = f'; filename=\\"{_file(value)}\\"' if is_file else ""
        content = f'Files.readString(Path.of("{_file(value)}"))' if is_file else f'"{value}"'
        head = f'"--part\\r\\nContent-Disposition: form-data; name=\\"{name}\\"{file_name}\\r\\n\\r\\n"'
        lines.append(f'{head}\n            + {content} + "\\r\\n"')
    joined = "\n            + ".join([*lines, '"--part--\\r\\n"'])
    return f"        String body = {joined};\n"


def _files(parts: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in parts.items() if value.startswith("@")}


def _file(value: str) -> str:
    return value.removeprefix("@")
