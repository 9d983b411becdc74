"""lm-evaluation-harness runs a minillama model: on tasks of our own, without a network, against two peers.

The same questions go through our own evaluation, and through the harness's model class for transformers on
the same weights.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from minillama import Llama, LlamaConfig, Tokenizer, save
from minillama.data.stories import Stories
from minillama.evaluation.multiple_choice import MultipleChoice, correct, judge
from minillama.evaluation.peers import transformers_twin
from minillama.evaluation.perplexity import perplexity
from minillama.evaluation.story_suite import story_suite

pytestmark = pytest.mark.slow  # the harness and transformers take seconds to import

CHOICES = """\
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: "{file}"}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{prompt}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{answer}}}}"
target_delimiter: ""
metric_list: [{{metric: acc}}, {{metric: acc_norm}}, {{metric: acc_bytes}}]
"""
WHOLE = """\
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: "{file}"}}}}
test_split: test
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{{{text}}}}"
metric_list: [{{metric: word_perplexity}}, {{metric: bits_per_byte}}]
"""
WRITTEN = """\
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: "{file}"}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{prompt}}}}"
doc_to_target: "{{{{choices[answer]}}}}"
generation_kwargs: {{until: ["."], max_gen_toks: 12, do_sample: false}}
metric_list: [{{metric: exact_match}}]
"""


@pytest.fixture(scope="module", autouse=True)
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_DATASETS_DISABLE_PROGRESS_BARS"):
            patch.setenv(name, "1")
        patch.setenv("HF_DATASETS_CACHE", str(tmp_path_factory.mktemp("datasets")))
        patch.setenv("TQDM_DISABLE", "1")
        logging.getLogger("lm_eval").setLevel(logging.ERROR)
        yield


@pytest.fixture(scope="module")
def pair() -> tuple[Llama, Tokenizer]:
    """A model trained for a moment, so that its choices are not all a tie."""
    source = Stories(11, level=1)
    texts = [source.sample().text for _ in range(200)]
    tokenizer = Tokenizer.train(texts, 400)
    torch.manual_seed(0)
    model = Llama(
        LlamaConfig(
            vocab_size=tokenizer.vocab_size, dim=48, n_layers=2, n_heads=4, n_kv_heads=2, hidden_dim=96,
            max_seq_len=96,
        )
    )  # fmt: skip
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    ids = torch.tensor([(tokenizer.encode(text, bos=True) * 2)[:90] for text in texts])
    for step in range(40):
        optimiser.zero_grad()
        rows = ids[step % 10 :: 10]
        model.loss(rows[:, :-1], rows[:, 1:]).backward()
        optimiser.step()
    return model.double().eval(), tokenizer


@pytest.fixture(scope="module")
def questions() -> list[MultipleChoice]:
    return [question for task in story_suite(level=1, count=15) for question in task.questions]


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory, questions: list[MultipleChoice]) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    rows = [
        {"prompt": q.prompt, "choices": list(q.choices), "answer": q.answer, "text": q.prompt}
        for q in questions
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name, template in (("choices", CHOICES), ("whole", WHOLE), ("written", WRITTEN)):
        (folder / f"{name}.yaml").write_text(template.format(name=name, file=folder / "rows.jsonl"))
    return folder


def run(model: Any, tasks: Path, names: list[str], **more: Any) -> dict[str, Any]:
    """Run the harness as its users do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the harness's and its libraries' own code
        import lm_eval
        from lm_eval.tasks import TaskManager

        import minillama.evaluation.harness  # noqa: F401 - registers "minillama"

        manager = TaskManager(include_path=str(tasks), include_defaults=False)
        found: dict[str, Any] = lm_eval.simple_evaluate(
            model=model, tasks=names, task_manager=manager, log_samples=True, bootstrap_iters=0, **more
        )
    return found


def sampled(found: dict[str, Any], name: str) -> list[Any]:
    """What the model answered, in the order of the documents."""
    return [sample["resps"] for sample in sorted(found["samples"][name], key=lambda one: one["doc_id"])]


@pytest.fixture(scope="module")
def ours(pair: tuple[Llama, Tokenizer], tasks: Path) -> dict[str, Any]:
    from minillama.evaluation.harness import HarnessModel

    return run(HarnessModel(pair), tasks, ["choices", "whole", "written"])


def test_the_harness_gives_our_own_likelihoods_and_accuracy(
    ours: dict[str, Any], pair: tuple[Llama, Tokenizer], questions: list[MultipleChoice]
) -> None:
    judged = judge(*pair, questions)
    for answers, one in zip(sampled(ours, "choices"), judged, strict=True):
        told = [answer[0][0] for answer in answers]
        np.testing.assert_allclose(told, one.log_likelihoods, rtol=0, atol=1e-10)  # float64
    result = ours["results"]["choices"]
    assert result["acc,none"] == pytest.approx(correct(judged, "raw").mean(), abs=1e-12)
    assert 0.4 < result["acc,none"] < 1  # it has learnt something: the comparison is not of ties
    for metric, size in (("acc_norm", len), ("acc_bytes", lambda choice: len(choice.encode()))):
        right = []  # the harness counts what we give it, the space at the beginning too
        for one, question in zip(judged, questions, strict=True):
            scores = one.log_likelihoods / [size(choice) for choice in question.choices]
            right.append(int(np.argmax(scores)) == question.answer)
        assert result[f"{metric},none"] == pytest.approx(np.mean(right), abs=1e-12)


def test_whole_texts_are_read_in_windows(
    ours: dict[str, Any], pair: tuple[Llama, Tokenizer], questions: list[MultipleChoice]
) -> None:
    model, tokenizer = pair
    readings = [perplexity(model, tokenizer, q.prompt, stride=model.cfg.max_seq_len) for q in questions]
    assert max(len(reading.nats) for reading in readings) > model.cfg.max_seq_len  # more than one window
    told = [answers[0][0] for answers in sampled(ours, "whole")]
    np.testing.assert_allclose(told, [-reading.nats.sum() for reading in readings], rtol=1e-12)
    bits = sum(r.nats.sum() for r in readings) / sum(r.bytes for r in readings) / np.log(2)
    assert ours["results"]["whole"]["bits_per_byte,none"] == pytest.approx(bits, rel=1e-9)


def stand_in_for_accelerate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the harness's class import a package that it does not use for a model that is there already."""
    module, utils = ModuleType("accelerate"), ModuleType("accelerate.utils")
    module.Accelerator = module.InitProcessGroupKwargs = module.find_executable_batch_size = None
    utils.get_max_memory = None
    monkeypatch.setitem(sys.modules, "accelerate", module)
    monkeypatch.setitem(sys.modules, "accelerate.utils", utils)


def test_the_harnesss_own_transformers_model_agrees(
    ours: dict[str, Any],
    pair: tuple[Llama, Tokenizer],
    tasks: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, tokenizer = pair
    tokenizer.save(tmp_path / "tokenizer.json")
    stand_in_for_accelerate(monkeypatch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lm_eval.models.huggingface import HFLM
        from transformers import PreTrainedTokenizerFast

        theirs = PreTrainedTokenizerFast(
            tokenizer_file=str(tmp_path / "tokenizer.json"),
            bos_token="<|begin|>",
            eos_token="<|end|>",
            pad_token="<|end|>",
        )
        twin = transformers_twin(model.cfg, model.state_dict())
        options = {"tokenizer": theirs, "backend": "causal", "batch_size": 4, "max_length": 96}
        found = run(HFLM(twin, add_bos_token=True, **options), tasks, ["choices", "written"])
        # with add_bos_token it would pay for the first of two beginning tokens of each whole text
        whole = run(HFLM(twin, add_bos_token=False, **options), tasks, ["whole"])
        found["samples"] |= whole["samples"]
    for name, tolerance in (("choices", 2e-5), ("whole", 2e-4)):  # its float32 islands, over 1 to 100 tokens
        for ours_one, theirs_one in zip(sampled(ours, name), sampled(found, name), strict=True):
            told, expected = (
                [answer[0][0] if name == "choices" else answer[0] for answer in one]
                for one in (ours_one, theirs_one)
            )
            np.testing.assert_allclose(told, expected, rtol=0, atol=tolerance)
    greedy = [[a[0][1] for a in s] for s in sampled(found, "choices")]
    assert greedy == [[a[0][1] for a in s] for s in sampled(ours, "choices")]
    assert sampled(found, "written") == sampled(ours, "written")
    assert found["results"]["choices"]["acc,none"] == ours["results"]["choices"]["acc,none"]


def test_a_checkpoint_runs_by_its_path(
    pair: tuple[Llama, Tokenizer], tasks: Path, tmp_path: Path, ours: dict[str, Any]
) -> None:
    save(*pair, tmp_path / "run")
    found = run("minillama", tasks, ["choices"], model_args=f"pretrained={tmp_path / 'run'}", limit=6)
    for a, b in zip(sampled(found, "choices"), sampled(ours, "choices")[:6], strict=True):
        np.testing.assert_allclose([x[0][0] for x in a], [x[0][0] for x in b], rtol=0, atol=1e-4)  # float32


def test_settings_of_generation(pair: tuple[Llama, Tokenizer]) -> None:
    from minillama.evaluation.harness import HarnessModel

    model = HarnessModel(pair, max_length=40)
    request = lambda prompt, **asked: type("Request", (), {"args": (prompt, asked)})()  # noqa: E731
    long = "Once there was Tom, a shy little mouse. " * 10
    (end,) = model.generate_until([request(long, until="zzz", max_gen_toks=5)])
    assert 1 <= len(pair[1].encode(end)) <= 5
    hot = request("Once", until=[], max_gen_toks=8, do_sample=True, temperature=3.0, top_k=50)
    assert model.generate_until([hot]) == model.generate_until([hot])
    with pytest.raises(ValueError, match="the task sets num_beams: expected only"):
        model.generate_until([request("Once", until=[], num_beams=4)])
    with pytest.raises(ValueError, match="max_gen_toks 40: expected less than 40"):
        model.generate_until([request("Once", until=[], max_gen_toks=40)])
    assert model.eot_token_id == pair[1].eos_id
    assert model.prefix_token_id == pair[1].bos_id


def test_a_checkpoint_without_a_tokenizer_is_refused(pair: tuple[Llama, Tokenizer], tmp_path: Path) -> None:
    from minillama.evaluation.harness import HarnessModel

    save(pair[0], None, tmp_path / "bare")
    with pytest.raises(ValueError, match="bare holds no tokenizer"):
        HarnessModel(tmp_path / "bare")
