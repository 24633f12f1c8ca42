"""Shapes of the authors' templates whose classes a 0.3.64 server does not know."""

from __future__ import annotations

from imagegen.backends.comfyui.workflow.bindings import find
from tests.sampled_graphs import shown
from tests.workflow_graphs import node


class TestNewerShapes:
    """Shapes of the authors' templates whose classes a 0.3.64 server does not know."""

    def test_flux_2(self) -> None:
        graph = {
            "9": node("SaveImage", images=["8", 0], filename_prefix="flux"),
            "8": node("VAEDecode", samples=["13", 0], vae=["10", 0]),
            "10": node("VAELoader", vae_name="flux2-vae.safetensors"),
            "13": node(
                "SamplerCustomAdvanced",
                noise=["25", 0], guider=["22", 0], sampler=["16", 0], sigmas=["48", 0], latent_image=["47", 0],
            ),
            "25": node("RandomNoise", noise_seed=1),
            "22": node("BasicGuider", model=["102", 0], conditioning=["26", 0]),
            "26": node("FluxGuidance", conditioning=["40", 0], guidance=4),
            "40": node("ReferenceLatent", conditioning=["6", 0], latent=["41", 0]),
            "41": node("VAEEncode", pixels=["42", 0], vae=["10", 0]),
            "42": node("LoadImage", "Reference 1", image="a.png"),
            "6": node("CLIPTextEncode", text="a mouse", clip=["38", 0]),
            "38": node("CLIPLoader", clip_name="mistral.safetensors", type="flux2"),
            "16": node("KSamplerSelect", sampler_name="euler"),
            "47": node("EmptyFlux2LatentImage", width=1920, height=1080, batch_size=1),
            "48": node("Flux2Scheduler", steps=["103", 0], width=1920, height=1080),
            "12": node("UNETLoader", unet_name="flux2.safetensors", weight_dtype="default"),
            "101": node("LoraLoaderModelOnly", model=["12", 0], lora_name="turbo", strength_model=1),
            "102": node("ComfySwitchNode", switch=["104", 0], on_false=["12", 0], on_true=["101", 0]),
            "103": node("ComfySwitchNode", switch=["104", 0], on_false=["100", 0], on_true=["99", 0]),
            "100": node("PrimitiveInt", "Steps", value=20),
            "99": node("PrimitiveInt", "Steps", value=8),
            "104": node("PrimitiveBoolean", "Enable Turbo LoRA", value=False),
        }  # fmt: skip
        assert shown(find(graph)) == {
            "prompt": ["6.text"],
            "seed": ["25.noise_seed"],
            "width": ["47.width", "48.width"],
            "height": ["47.height", "48.height"],
            "steps": ["100.value"],
            "cfg": ["26.guidance"],
            "sampler": ["16.sampler_name"],
            "checkpoint": ["12.unet_name"],
        }

    def test_krea_2(self) -> None:
        """The prompt goes to the text that a language model refines, through two switches and a display."""
        graph = {
            "29": node("SaveImage", images=["8", 0], filename_prefix="krea"),
            "8": node("VAEDecode", samples=["3", 0], vae=["12", 0]),
            "12": node("VAELoader", vae_name="qwen_image_vae.safetensors"),
            "3": node(
                "KSampler",
                model=["22", 0], positive=["6", 0], negative=["13", 0], latent_image=["5", 0],
                seed=1, steps=8, cfg=1, sampler_name="euler", scheduler="simple", denoise=1,
            ),
            "13": node("ConditioningZeroOut", conditioning=["6", 0]),
            "5": node("EmptyLatentImage", width=["49", 0], height=["49", 1], batch_size=1),
            "49": node("ResolutionSelector", aspect_ratio="1:1 (Square)", megapixels=1, multiple=8),
            "6": node("CLIPTextEncode", text=["28", 0], clip=["11", 0]),
            "11": node("CLIPLoader", clip_name="qwen3vl.safetensors", type="krea2"),
            "28": node("ComfySwitchNode", switch=["23", 0], on_false=["20", 0], on_true=["27", 0]),
            "27": node("StringConcatenate", string_a=["20", 0], string_b="sketch style", delimiter=", "),
            "20": node("PreviewAny", source=["21", 0]),
            "21": node("ComfySwitchNode", switch=["24", 0], on_false=["19", 0], on_true=["16", 0]),
            "16": node("TextGenerate", clip=["11", 0], prompt=["17", 0], max_length=512),
            "17": node("StringConcatenate", string_a=["18", 0], string_b=["19", 0], delimiter=""),
            "18": node("PrimitiveStringMultiline", "Text String (System Prompt)", value="You are an expert"),
            "19": node("PrimitiveStringMultiline", "Text String (User Prompt)", value="a mouse"),
            "22": node("ComfySwitchNode", switch=["23", 0], on_false=["10", 0], on_true=["15", 0]),
            "15": node("LoraLoaderModelOnly", model=["10", 0], lora_name="brush", strength_model=0.8),
            "10": node("UNETLoader", unet_name="krea2.safetensors", weight_dtype="default"),
            "23": node("PrimitiveBoolean", value=False),
            "24": node("PrimitiveBoolean", value=True),
        }  # fmt: skip
        found = shown(find(graph))
        assert found["prompt"] == ["19.value"]
        assert (found["width"], found["height"]) == (["5.width"], ["5.height"])
        assert found["checkpoint"] == ["10.unet_name"]
        graph["23"]["inputs"]["value"] = True
        assert shown(find(graph))["prompt"] == ["19.value"]

    def test_ideogram_4(self) -> None:
        """Sides behind arithmetic, steps behind a preset in JSON, a guider with a model for the negative."""
        graph = {
            "158": node("SaveImage", images=["13", 0], filename_prefix="ideogram"),
            "13": node("VAEDecode", samples=["12", 0], vae=["9", 0]),
            "9": node("VAELoader", vae_name="flux2-vae.safetensors"),
            "12": node(
                "SamplerCustomAdvanced",
                noise=["18", 0], guider=["155", 0], sampler=["16", 0], sigmas=["17", 0], latent_image=["11", 0],
            ),
            "18": node("RandomNoise", noise_seed=1),
            "16": node("KSamplerSelect", sampler_name="euler"),
            "155": node(
                "DualModelGuider",
                model=["157", 0], positive=["24", 0], model_negative=["154", 0], negative=["10", 0], cfg=7,
            ),
            "157": node("CFGOverride", model=["23", 0], cfg=3, start_percent=0.7, end_percent=1),
            "23": node("UNETLoader", unet_name="ideogram4.safetensors", weight_dtype="default"),
            "154": node("UNETLoader", unet_name="ideogram4_unconditional.safetensors", weight_dtype="default"),
            "10": node("ConditioningZeroOut", conditioning=["24", 0]),
            "24": node("CLIPTextEncode", text="{}", clip=["14", 0]),
            "14": node("CLIPLoader", clip_name="qwen3vl.safetensors", type="ideogram4"),
            "11": node("EmptyFlux2LatentImage", width=["31", 1], height=["32", 1], batch_size=1),
            "17": node("Ideogram4Scheduler", steps=["151", 1], width=["31", 1], height=["32", 1], mu=["146", 0], std=1),
            "31": node("ComfyMathExpression", expression="max(((a + 15) // 16) * 16, 256)", **{"values.a": ["27", 0]}),
            "32": node("ComfyMathExpression", expression="max(((a + 15) // 16) * 16, 256)", **{"values.a": ["28", 0]}),
            "27": node("PrimitiveInt", value=["37", 0]),
            "28": node("PrimitiveInt", value=["37", 1]),
            "37": node("ResolutionSelector", aspect_ratio="9:16", megapixels=1, multiple=8),
            "151": node("ComfyNumberConvert", value=["149", 0]),
            "146": node("ComfyNumberConvert", value=["150", 0]),
            "149": node("JsonExtractString", json_string=["147", 0], key="num_steps"),
            "150": node("JsonExtractString", json_string=["147", 0], key="mu"),
            "147": node("JsonExtractString", json_string='{"Default": {"num_steps": 20}}', key=["156", 0]),
            "156": node("CustomCombo", choice="Default", index=1, option1="Quality", option2="Default"),
        }  # fmt: skip
        assert shown(find(graph)) == {
            "prompt": ["24.text"],
            "seed": ["18.noise_seed"],
            "width": ["11.width", "17.width"],
            "height": ["11.height", "17.height"],
            "steps": ["151.value"],
            "cfg": ["155.cfg"],
            "sampler": ["16.sampler_name"],
            "checkpoint": ["23.unet_name"],
        }
