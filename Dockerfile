# The wheels of torch bring CUDA's libraries; the driver comes from the host, through the NVIDIA container toolkit.
FROM nvidia/cuda:13.0.1-base-ubuntu24.04

RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/tokenbench \
    && useradd --create-home --uid 10001 tokenbench \
    && install --directory --owner tokenbench /bench
ENV PATH=/opt/tokenbench/bin:$PATH

WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY tokenbench tokenbench
COPY tokenizers tokenizers
COPY manifests manifests
COPY reports/paper reports/paper
RUN pip install --no-cache-dir '.[diffusers,download,parquet,perceptual,ray,training,vmaf]'

USER tokenbench
WORKDIR /bench
ENTRYPOINT ["tokenbench"]
CMD ["--help"]
