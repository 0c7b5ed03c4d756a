#!/usr/bin/env python3
"""OpenAI's own client against `decimamba serve`: completions, chats, streams, log-probabilities, usage,
documents, every class of error, and many clients at once. Whatever the server answers must be what
`decimamba generate` prints.

    pip install openai
    openai_client.py PROGRAM SOURCE_ROOT

Exits with 77 where there is no such client.
"""
import concurrent.futures
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request

try:
    import openai
except ImportError:
    print("python3 has no openai: pip install openai")
    sys.exit(77)

PROGRAM, ROOT = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
BOOK = (ROOT / "data" / "books" / "26239.txt").read_bytes().decode("ascii", "replace")
TEMPLATE = ("{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"
            "{% if add_generation_prompt %}<assistant>{% endif %}")
KEY = "key-of-the-test"
N_CLIENT, N_EACH = 64, 2


class Server:
    """One that runs while the block does; .url is its address."""

    def __init__(self, model, *flags):
        self.command = [PROGRAM, "serve", model, "--port", "0", "--threads", "1", *flags]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        assert self.url, "the server does not start"
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=120)
        assert kind or status == 0, f"the server ended with status {status}"

    def client(self, **options):
        return openai.OpenAI(**{"base_url": self.url + "/v1", "api_key": KEY, "max_retries": 0, "timeout": 300,
                                **options})


def same(what, seen, expected):
    if seen != expected:
        sys.exit(f"FAILED: {what}: {seen!r} instead of {expected!r}")


def generate(model, text, *flags):
    """What `generate` prints, as its JSON."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        run = subprocess.run([PROGRAM, "generate", model, "--file", file.name, "--json", "--threads", "1", *flags],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return json.loads(run.stdout)


def fails(kind, status, call, **fields):
    """The error that a call raises: of this class and status, with these fields."""
    try:
        call()
    except kind as error:
        same(f"status of {kind.__name__}", getattr(error, "status_code", None), status)
        for name, value in fields.items():
            same(f"{name} of {error}", getattr(error, name), value)
        assert status is None or error.body["message"], error
        return error
    sys.exit(f"FAILED: no {kind.__name__}")


def check_completions(client, model):
    prompt = BOOK[900:1500]
    flags = ("--max-tokens", "24", "--logprobs", "3")
    right = generate(model, prompt, *flags)
    answer = client.completions.create(model=model.name, prompt=prompt, max_tokens=24, temperature=0, logprobs=3)
    same("completion", answer.choices[0].text, right["text"])
    same("finish_reason", answer.choices[0].finish_reason, "length")
    same("usage", (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens),
         (len(prompt), 24, len(prompt) + 24))
    logprobs = answer.choices[0].logprobs
    same("tokens", logprobs.tokens, [token["token"] for token in right["logprobs"]])
    for seen, token in zip(logprobs.token_logprobs, right["logprobs"], strict=True):
        assert abs(seen - token["logprob"]) < 1e-6, (seen, token)
    same("top_logprobs", [sorted(top) for top in logprobs.top_logprobs],
         [sorted(top["token"] for top in token["top_logprobs"]) for token in right["logprobs"]])
    again = client.completions.create(model=model.name, prompt=prompt + right["text"], max_tokens=1, temperature=0)
    assert again.usage.prompt_tokens_details.cached_tokens >= len(prompt), again.usage

    drawn = generate(model, prompt, "--max-tokens", "30", "--temperature", "0.9", "--top-p", "0.8", "--seed", "7")
    answer = client.completions.create(model=model.name, prompt=prompt, max_tokens=30, temperature=0.9, top_p=0.8, seed=7)
    same("a drawn completion", answer.choices[0].text, drawn["text"])
    stop = right["text"][8:10]
    answer = client.completions.create(model=model.name, prompt=prompt, max_tokens=24, temperature=0, stop=[stop, "\x01"])
    same("before a stop text", answer.choices[0].text, right["text"][:right["text"].index(stop)])
    same("finish_reason", answer.choices[0].finish_reason, "stop")
    answer = client.completions.create(model=model.name, prompt=[prompt, list(prompt[:100].encode())], max_tokens=5,
                                       temperature=0)
    same("two prompts", [choice.text for choice in answer.choices],
         [right["text"][:5], generate(model, prompt[:100], "--max-tokens", "5")["text"]])
    answer = client.completions.create(model=model.name, prompt=prompt, max_tokens=6, temperature=0, echo=True)
    same("with echo", answer.choices[0].text, prompt + right["text"][:6])
    answer = client.completions.create(model=model.name, prompt=prompt, max_tokens=8, temperature=1, seed=3, n=3)
    same("n answers", [choice.text for choice in answer.choices],
         [generate(model, prompt, "--max-tokens", "8", "--temperature", "1", "--seed", str(seed))["text"]
          for seed in (3, 4, 5)])

    events = list(client.completions.create(model=model.name, prompt=prompt, max_tokens=24, temperature=0, stream=True,
                                            stream_options={"include_usage": True}))
    same("a stream", "".join(event.choices[0].text for event in events if event.choices), right["text"])
    assert sum(1 for event in events if event.choices and event.choices[0].text) > 5, "it does not come in pieces"
    same("its usage", events[-1].usage.completion_tokens, 24)
    same("its end", [event.choices[0].finish_reason for event in events if event.choices][-1], "length")
    with client.completions.create(model=model.name, prompt=prompt, max_tokens=4000, temperature=0, stream=True) as stream:
        next(iter(stream))  # and away
    print("completions: as generate")


def check_chats(client, model):
    messages = [{"role": "system", "content": "Find the pass key:"}, {"role": "user", "content": BOOK[:300] + "\u00e9\u20ac"}]
    text = "".join(f"<{m['role']}>{m['content']}\n" for m in messages) + "<assistant>"
    right = generate(model, text, "--max-tokens", "20", "--logprobs", "2")
    answer = client.chat.completions.create(model=model.name, messages=messages, max_completion_tokens=20, temperature=0,
                                            logprobs=True, top_logprobs=2)
    same("chat", answer.choices[0].message.content, right["text"])
    same("its role", answer.choices[0].message.role, "assistant")
    same("its tokens", [token.token for token in answer.choices[0].logprobs.content],
         [token["token"] for token in right["logprobs"]])
    same("its prompt", answer.usage.prompt_tokens, len(text.encode()))
    parts = [messages[0], {"role": "user", "content": [{"type": "text", "text": messages[1]["content"]}]}]
    events = list(client.chat.completions.create(model=model.name, messages=parts, max_tokens=20, temperature=0,
                                                 stream=True))
    same("the first event", events[0].choices[0].delta.role, "assistant")
    same("a streamed chat", "".join(event.choices[0].delta.content or "" for event in events), right["text"])
    same("its end", events[-1].choices[0].finish_reason, "length")
    print("chats: as generate, by the template")


def read_document(server, text, **body):
    """Sends a text up, waits until it is read, and gives the document."""
    headers = {"Authorization": "Bearer " + KEY, "Content-Type": "application/json"}
    send = urllib.request.Request(server.url + "/v1/documents", json.dumps({"text": text, **body}).encode(), headers)
    with urllib.request.urlopen(send) as sent:
        same("status of a document", sent.status, 202)
        document = json.load(sent)["id"]
    watch = urllib.request.Request(f"{server.url}/v1/documents/{document}/events", headers=headers)
    with urllib.request.urlopen(watch) as events:
        last = [line for line in events if line.startswith(b"data: ")][-1]
    same("its end", json.loads(last[len("data: "):])["status"], "ready")
    return document


def check_documents(server, client, model):
    text, question = "Find the pass key:\n" + BOOK[:3000], "\nWhat is it? Answer: "
    for method in ("decimate", "none"):
        document = read_document(server, text, method=method)
        right = generate(model, text + question, "--max-tokens", "16", "--method", method)["text"]
        answer = client.completions.create(model=model.name, prompt=question, max_tokens=16, temperature=0,
                                           extra_body={"document": document})
        same(f"of a document ({method})", answer.choices[0].text, right)
        same("tokens not read again", answer.usage.prompt_tokens_details.cached_tokens, len(text))
    print("documents: as generate of the whole")


def check_errors(server, client, model):
    def complete(**body):
        return lambda: client.completions.create(**{"model": model.name, "prompt": "a", "max_tokens": 1, **body})

    fails(openai.BadRequestError, 400, complete(temperature=-1), param="temperature", type="invalid_request_error")
    fails(openai.BadRequestError, 400, complete(max_tokens=10**6), param="max_tokens")
    fails(openai.BadRequestError, 400, complete(prompt=[70000]), param="prompt")
    fails(openai.BadRequestError, 400, complete(prompt="x" * 5000), param="prompt", code="context_length_exceeded")
    fails(openai.BadRequestError, 400, complete(logit_bias={"5": 1}), param="logit_bias")
    fails(openai.BadRequestError, 400, complete(extra_body={"method": {"name": "decimate", "layers": [99]}}), param="method")
    fails(openai.BadRequestError, 400, lambda: client.chat.completions.create(model=model.name, messages=[]),
          param="messages")
    fails(openai.AuthenticationError, 401, lambda: server.client(api_key="another").models.list(), code="invalid_api_key")
    fails(openai.NotFoundError, 404, complete(model="gpt-4"), code="model_not_found")
    fails(openai.NotFoundError, 404, lambda: client.models.retrieve("gpt-4"), code="model_not_found")
    fails(openai.NotFoundError, 404, complete(extra_body={"document": "doc-0"}))
    fails(openai.NotFoundError, 404, lambda: client.embeddings.create(model=model.name, input="a"))
    fails(openai.APIStatusError, 413, complete(prompt="x" * (5 << 20)))
    fails(openai.APITimeoutError, None,
          lambda: client.with_options(timeout=0.2).completions.create(model=model.name, prompt="a", max_tokens=4000,
                                                                      temperature=0, extra_body={"ignore_eos": True}))
    same("models", [one.id for one in client.models.list()], [model.name])
    print("errors: of the classes that the client has for them")


def check_overload(model):
    """One answer at a time, none that waits; then the end while one is under way."""
    with Server(model, "--max-answers", "1", "--max-queue", "0", "--max-tokens", "100000") as server:
        client = server.client()
        stream = client.completions.create(model=model.name, prompt="a", max_tokens=100000, temperature=0, stream=True)
        next(iter(stream))
        error = fails(openai.RateLimitError, 429,
                      lambda: client.completions.create(model=model.name, prompt="b", max_tokens=1))
        assert int(error.response.headers["retry-after"]) > 0
        threading.Timer(0.3, stream.close).start()
        patient = server.client(max_retries=20).completions.create(model=model.name, prompt="b", max_tokens=3, temperature=0)
        same("after Retry-After", patient.choices[0].text, generate(model, "b", "--max-tokens", "3")["text"])
    with Server(model) as server:
        client = server.client()
        stream = client.completions.create(model=model.name, prompt="a", max_tokens=1000, temperature=0, stream=True)
        events = iter(stream)
        pieces = [next(events).choices[0].text]
        server.process.send_signal(signal.SIGTERM)
        pieces += [event.choices[0].text for event in events]
        same("an answer while the server ends", "".join(pieces), generate(model, "a", "--max-tokens", "1000")["text"])
        server.process.wait(timeout=120)
        fails(openai.APIConnectionError, None, client.models.list)
    print("overload: 429 with Retry-After; the end waits for answers")


def check_load(server, model):
    """64 clients, each with several requests, short and long, streamed or whole, on documents or not."""
    rng = random.Random(1)
    text = "Find the pass key:\n" + BOOK[:2000]
    documents = {method: read_document(server, text, method=method) for method in ("decimate", "none")}
    cases = []
    for i in range(24):
        n_prompt, n_answer = rng.choice([(20, 60), (100, 5), (300, 30), (1000, 10), (3000, 3)])
        start = rng.randrange(len(BOOK) - n_prompt)
        body = {"prompt": BOOK[start:start + n_prompt], "max_tokens": n_answer, "temperature": 0}
        flags, whole, extra = ["--max-tokens", str(n_answer)], body["prompt"], {}
        if i % 3 == 1:
            body |= {"temperature": 0.7, "seed": i}
            flags += ["--temperature", "0.7", "--seed", str(i)]
        if i % 4 == 2:
            method = rng.choice(list(documents))
            extra, whole = {"document": documents[method]}, text + whole
            flags += ["--method", method]
        elif i % 4 == 3:
            extra = {"method": {"name": "keep-last", "base_length": 100}}
            flags += ["--method", "keep-last", "--base-length", "100"]
        cases.append((body | {"extra_body": extra}, generate(model, whole, *flags)["text"]))

    def work(number):
        client, own = server.client(max_retries=0), random.Random(number)
        for _ in range(N_EACH):
            body, right = own.choice(cases)
            if own.random() < 0.5:
                seen = client.completions.create(model=model.name, **body).choices[0].text
            else:
                seen = "".join(event.choices[0].text
                               for event in client.completions.create(model=model.name, stream=True, **body))
            if seen != right:
                return f"{seen!r} instead of {right!r} for {str(body)[:200]}"
        return None

    with concurrent.futures.ThreadPoolExecutor(N_CLIENT) as pool:
        wrong = [line for line in pool.map(work, range(N_CLIENT)) if line]
    same("clients with a wrong answer", wrong, [])
    print(f"load: {N_CLIENT} clients with {N_EACH} requests each, every answer that of generate")


def main():
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / "passkey-512"
        shutil.copytree(ROOT / "models" / "passkey-512", model)
        (model / "chat_template.jinja").write_text(TEMPLATE)
        keys = pathlib.Path(folder) / "keys"
        keys.write_text(KEY + "\n")
        with Server(model, "--api-keys", keys, "--max-prompt", "4500") as server:
            client = server.client()
            check_completions(client, model)
            check_chats(client, model)
            check_documents(server, client, model)
            check_errors(server, client, model)
            check_load(server, model)
        check_overload(model)


os.environ.pop("OPENAI_BASE_URL", None)
main()
