"""Published runs from their stated inputs: days, energy, carbon; layouts that fit, and why others do not."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minillama.accounting import (
    DEVICES,
    MIXED,
    PEAK_FLOPS,
    Device,
    DoesNotFitError,
    Layout,
    footprint,
    plan_training,
)
from minillama.accounting.fitting import Task, fit, layouts
from minillama.config import LlamaConfig

named = LlamaConfig.named
A100, H100 = Device.named("a100-80gb"), Device.named("h100-80gb")
error_contract = pytest.mark.error_contract


class TestPublishedRuns:
    def test_llama_65b_from_its_stated_speed(self) -> None:
        # arXiv 2302.13971, section 2.4: 380 tokens/s/GPU, 2048 A100-80GB, 1.4T tokens, about 21 days
        found = plan_training(named("llama-1-65b"), 2048, A100, 1_400_000_000_000, tokens_per_second=380)
        assert found.days == pytest.approx(20.8, abs=0.05)
        assert (found.mfu, found.mfu_6n) == pytest.approx((0.497, 0.477), abs=5e-4)
        assert found.footprint.gpu_hours == pytest.approx(1_022_362, rel=2e-3)  # printed; they took 20.8 days
        assert found.footprint.mwh == pytest.approx(449, abs=1.5)
        assert found.footprint.tonnes == pytest.approx(173, abs=0.5)
        assert found.seq_len == 2048
        assert found.steps == pytest.approx(1.4e12 / 2**22, abs=1)

    def test_the_default_assumption_gives_the_same(self) -> None:
        cfg = named("llama-1-65b")
        found = plan_training(cfg, 2048, A100, 1_400_000_000_000)
        assert found.tokens_per_second == pytest.approx(380, abs=0.5)
        assert "2302.13971" in found.assumption

    @pytest.mark.parametrize(
        ("name", "hours", "mwh", "tonnes"),
        [
            ("OPT-175B", 809_472, 356, 137),
            ("LLaMA-7B", 82_432, 36, 14),
            ("LLaMA-13B", 135_168, 59, 23),
            ("LLaMA-33B", 530_432, 233, 90),
            ("LLaMA-65B", 1_022_362, 449, 173),
        ],
    )
    def test_llama_1_carbon_table(self, name: str, hours: float, mwh: int, tonnes: int) -> None:
        # Table 15, inputs 400 W, PUE 1.1, 0.385: megawatt-hours are cut off, tonnes are rounded
        took = footprint(hours, watts=400)
        assert int(took.mwh) == mwh
        assert round(took.tonnes) == tonnes

    def test_the_row_of_bloom_is_less_than_its_inputs_say(self) -> None:
        # Table 15 prints 475 MWh and 183 t for 1,082,880 hours; the formula gives 476.5 and 183.4
        took = footprint(1_082_880, watts=400)
        assert took.mwh == pytest.approx(476.47, abs=0.01)
        assert round(took.tonnes) == 183

    def test_llama_1_as_a_whole_project(self) -> None:
        # section 6: 2048 A100 for about 5 months, 2,638 MWh, 1,015 t. The energy is that of 122 days.
        days = 2638e6 / (400 * 1.1 * 2048 * 24)
        assert days == pytest.approx(122, abs=0.5)
        assert int(footprint(days * 24 * 2048, 400).tonnes) == 1015

    @pytest.mark.parametrize(
        ("hours", "watts", "tonnes"),
        [(184_320, 400, 31.22), (368_640, 400, 62.44), (1_038_336, 350, 153.90), (1_720_320, 400, 291.42)],
        ids=["7b", "13b", "34b", "70b"],
    )
    def test_llama_2_used_the_factors_of_llama_1(self, hours: float, watts: float, tonnes: float) -> None:
        # The card gives hours, watts and tonnes; of PUE and intensity only the product can be known
        assert footprint(hours, watts).tonnes == pytest.approx(tonnes, abs=0.011)
        assert tonnes / (hours * watts / 1e6) == pytest.approx(1.1 * 0.385, rel=2e-4)

    @pytest.mark.parametrize(
        ("hours", "tonnes"),
        [(1.46e6, 420), (7.0e6, 2040), (30.84e6, 8930)],
        ids=["3.1-8b", "3.1-70b", "3.1-405b"],
    )
    def test_llama_3_1_used_one_product_of_its_own(self, hours: float, tonnes: float) -> None:
        # 700 W and tonnes per H100-hour from the card; neither PUE nor intensity is given
        assert tonnes / (hours * 700 / 1e6) == pytest.approx(0.414, abs=0.004)  # three digits are printed

    def test_llama_3_405b_as_it_was_run_needs_eight_way_tensor(self) -> None:
        # arXiv 2407.21783, table 4: 16,384 GPUs, 16M tokens a step in sequences of 8192, tensor parallel 8
        found = plan_training(named("llama-3.1-405b"), 16_384, H100, 15_600_000_000_000, batch_tokens=2**24)
        assert found.fit.layout == Layout(data=2048, tensor=8, zero=3, recompute=True)
        assert all("cannot feed" in one.reason for one in found.fit.rejected if one.layout.tensor < 8)
        assert found.mfu == pytest.approx(0.75 * H100.mfu)
        assert found.assumption.endswith("times 3/4 for computing again")


class TestArithmetic:
    @given(st.integers(1, 2**14), st.integers(2, 10), st.integers(10**6, 10**13))
    def test_days_are_inverse_to_gpus_and_hours_the_same(self, gpus: int, times: int, tokens: int) -> None:
        cfg = LlamaConfig(max_seq_len=128)
        few, many = (
            plan_training(cfg, n, A100, tokens, tokens_per_second=1000, batch_tokens=2**40)
            for n in (gpus, times * gpus)
        )
        assert few.days == pytest.approx(times * many.days)
        assert few.footprint.tonnes == pytest.approx(many.footprint.tonnes)
        assert few.days * 24 * gpus == pytest.approx(few.footprint.gpu_hours)

    @given(st.floats(0.01, 1.0))
    def test_mfu_there_and_back(self, mfu: float) -> None:
        found = plan_training(named("llama-2-7b"), 64, A100, 10**12, mfu=mfu)
        again = plan_training(
            named("llama-2-7b"), 64, A100, 10**12, tokens_per_second=found.tokens_per_second
        )
        assert again.mfu == pytest.approx(mfu) == found.mfu
        assert again.days == pytest.approx(found.days)
        assert found.mfu_6n < found.mfu

    def test_a_step_has_the_sequences_it_was_asked_for(self) -> None:
        found = plan_training(named("llama-1-7b"), 8, A100, 10**9)
        assert found.sequences == 2**22 // 2048
        taken = found.passes * found.fit.micro_batch * found.fit.layout.data
        assert 0 <= taken - found.sequences < found.fit.micro_batch * found.fit.layout.data

    def test_long_contexts_are_planned_at_8192(self) -> None:
        assert plan_training(named("llama-3.1-8b"), 64, H100, 10**12).seq_len == 8192

    def test_watts_and_grid_are_the_reader_s(self) -> None:
        base = plan_training(named("llama-1-7b"), 64, A100, 10**12)
        other = plan_training(
            named("llama-1-7b"), 64, A100, 10**12, watts=200, pue=1.65, tonnes_per_mwh=0.077
        )
        assert other.footprint.mwh == pytest.approx(base.footprint.mwh * 0.75)
        assert other.footprint.tonnes == pytest.approx(base.footprint.tonnes * 0.75 * 0.2)


class TestFitting:
    def test_the_first_layout_that_fits_is_taken(self) -> None:
        task = Task(named("llama-2-7b"), 1024, 4096, 72e9, MIXED)
        found = fit(task, 8)
        tried = list(itertools.islice(layouts(8), len(found.rejected) + 1))
        assert tried == [*(one.layout for one in found.rejected), found.layout]
        assert found.memory == task.memory(found.layout, found.micro_batch)
        assert found.memory.total <= 72e9
        for one in found.rejected:
            over = task.memory(one.layout, 1).total - 72e9
            assert over > 0
            assert one.reason == f"{over / 1e9:,.1f} GB too many"

    def test_the_micro_batch_is_as_large_as_fits(self) -> None:
        task = Task(named("llama-2-7b"), 1024, 4096, 72e9, MIXED)
        found = fit(task, 8)
        assert task.memory(found.layout, 2 * found.micro_batch).total > task.capacity
        assert fit(task, 1024).micro_batch == 1  # a step has one for each

    @pytest.mark.parametrize("gpus", [1, 2, 3, 6, 8, 24, 2048])
    def test_layouts_use_all_gpus_and_recompute_last(self, gpus: int) -> None:
        tried = list(layouts(gpus))
        assert {layout.gpus for layout in tried} == {gpus}
        assert len(set(tried)) == len(tried)
        assert [layout.recompute for layout in tried] == sorted(layout.recompute for layout in tried)
        assert all(layout.tensor <= 8 for layout in tried)

    def test_heads_are_never_cut_apart(self) -> None:
        found = fit(Task(named("llama-1-33b"), 64, 2048, 72e9, MIXED), 64)  # 52 heads
        assert found.layout.tensor in (1, 2, 4)

    @error_contract
    def test_it_says_by_how_much_and_what_would_do(self) -> None:
        with pytest.raises(
            DoesNotFitError, match=r"in the best layout each GPU lacks 73.2 GB of 109.2 GB; 4 "
        ):
            plan_training(named("llama-1-7b"), 1, Device.named("a100-40gb"), 10**9)
        with pytest.raises(DoesNotFitError) as caught:
            plan_training(named("llama-3.1-405b"), 8, H100, 10**9)
        assert "128 GPUs would do (tensor 4 x data 32, all sharded, recomputing)" in str(caught.value)
        plan_training(named("llama-3.1-405b"), 128, H100, 10**9)
        with pytest.raises(DoesNotFitError):
            plan_training(named("llama-3.1-405b"), 64, H100, 10**9)

    @error_contract
    def test_activations_of_one_sequence_may_be_too_much_for_any_number(self) -> None:
        with pytest.raises(DoesNotFitError, match="more GPUs do not help: shorten the sequences"):
            plan_training(
                named("llama-3.1-405b"), 64, Device.named("a100-40gb"), 10**9, seq_len=2**21,
                batch_tokens=2**30,
            )  # fmt: skip

    @error_contract
    def test_more_gpus_than_sequences(self) -> None:
        with pytest.raises(DoesNotFitError, match="512 sequences in a step cannot feed 2,048 replicas"):
            plan_training(named("llama-3.1-405b"), 16_384, H100, 10**12)


@error_contract
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gpus": 0}, "gpus is 0"),
        ({"tokens": 0}, "tokens is 0"),
        ({"headroom": 1.0}, "headroom is 1.0: expected a share"),
        ({"mfu": 1.5}, "mfu is 1.5: expected a share of the peak"),
        ({"mfu": 0.0}, "mfu is 0.0"),
        ({"mfu": 0.4, "tokens_per_second": 10.0}, "the same thing twice"),
        ({"tokens_per_second": -1.0}, "tokens_per_second is -1.0"),
        ({"tokens_per_second": 9000.0}, "is 9000: at its peak one a100-80gb does 7,1"),
        ({"batch_tokens": 100}, "batch_tokens is 100: expected at least one sequence of 2048"),
        ({"seq_len": 0}, "seq_len is 0"),
        ({"pue": 0.9}, "pue is 0.9: expected at least 1"),
        ({"watts": -400.0}, "watts is -400.0"),
        ({"tonnes_per_mwh": float("nan")}, "tonnes_per_mwh is nan"),
    ],
)
def test_what_cannot_be(changes: dict[str, float], message: str) -> None:
    given_values: dict[str, object] = {"gpus": 8, "tokens": 10**9} | changes
    with pytest.raises(ValueError, match=message):
        plan_training(named("llama-1-7b"), device=A100, **given_values)  # type: ignore[arg-type]


def test_devices_are_what_their_names_say() -> None:
    for name, device in DEVICES.items():
        assert device.name == name
        assert f"{device.memory / 1e9:.0f}gb" in name
        assert device.peak_flops in PEAK_FLOPS.values()
    with pytest.raises(ValueError, match="no device is called 'tpu': known are a100-40gb"):
        Device.named("tpu")
