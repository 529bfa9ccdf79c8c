"""Adapters as files, and LoRA on the published weights of SmolLM2."""
