"""The bodies of the Open Inference Protocol, for its OpenAPI document. See `api.inference_protocol`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from dashboard.api.openapi import schema_of

LENGTH = "Inference-Header-Content-Length"
_Parameters = dict[str, Any]


class _InputTensor(BaseModel):
    """The images."""

    name: str
    datatype: Literal["BYTES", "UINT8"]
    shape: list[int] = Field(description="(N) for BYTES, (N, H, W, 3) for UINT8")
    parameters: _Parameters = Field({}, description="`binary_data_size`, if the data come after the JSON")
    data: list[Any] = Field([], description="BYTES: image files in base64; UINT8: pixels within 0 and 255")


class _WantedOutput(BaseModel):
    name: Literal["pred_probs", "predicted_label"]
    parameters: _Parameters = Field({}, description="`binary_data`: whether its data come after the JSON")


class _InferenceRequest(BaseModel):
    id: str = Field("", description="repeated in the answer")
    inputs: list[_InputTensor] = Field(min_length=1, max_length=1)
    outputs: list[_WantedOutput] = Field([], description="by default both")
    parameters: _Parameters = Field({}, description="`binary_data_output`: whether all data come after the JSON")


class _OutputTensor(BaseModel):
    name: Literal["pred_probs", "predicted_label"]
    datatype: Literal["FP32", "BYTES"]
    shape: list[int] = Field(description="(N, K) for `pred_probs`, (N) for `predicted_label`")
    parameters: _Parameters = Field({}, description="`binary_data_size`, if the data come after the JSON")
    data: list[Any] = Field(
        [], description="in the order of the classes and images; missing if they come after the JSON"
    )


class _InferenceAnswer(BaseModel):
    model_name: str
    model_version: str
    outputs: list[_OutputTensor]
    id: str = Field("", description="that of the request, if it has one")


class _Readiness(BaseModel):
    ready: bool
    error: str = Field("", description="why it is not ready")


def _body(record: type[BaseModel]) -> dict[str, Any]:
    """As JSON, or with binary data after it."""
    binary = {"type": "string", "contentMediaType": "application/octet-stream"}
    return {
        "application/json": {"schema": schema_of(record)},
        "application/octet-stream": {"schema": {**binary, "description": f"JSON of {LENGTH} bytes, then binary data"}},
    }


REQUEST: dict[str, Any] = {
    "parameters": [
        {
            "name": LENGTH, "in": "header", "schema": {"type": "string", "pattern": "^[0-9]+$"},
            "description": "the length of the JSON in bytes, if binary data follow it",
        }
    ],
    "requestBody": {"required": True, "content": _body(_InferenceRequest)},
}  # fmt: skip
ANSWER: dict[str, Any] = {"description": "The predictions", "content": _body(_InferenceAnswer)}
READINESS: dict[str, Any] = {
    "description": "Whether it can predict",
    "content": {"application/json": {"schema": schema_of(_Readiness)}},
}
