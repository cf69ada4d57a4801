from .analysis.clusters import PatchClusters as PatchClusters
from .analysis.clusters import cluster_patches as cluster_patches
from .analysis.colours import PcaColours as PcaColours
from .analysis.colours import pca_colours as pca_colours
from .composition import Channel as Channel
from .composition import Composition as Composition
from .embedding import embed as embed
from .embeddings import PatchEmbeddings as PatchEmbeddings
from .encoders import available_encoders as available_encoders
from .encoders import load_encoder as load_encoder
from .encoders.hub import accept_licence as accept_licence
from .encoders.hub import cached_weights as cached_weights
from .encoders.hub import download_weights as download_weights
from .engine import Engine as Engine
from .export import export_map as export_map
from .grid import PatchGrid as PatchGrid
from .intensity import Intensity as Intensity
from .loading import EncoderChoice as EncoderChoice
from .prompts import Prompt as Prompt
from .prompts import PromptSet as PromptSet
from .sampling import Sampling as Sampling
from .session import SimilaritySession as SimilaritySession
from .similarity import Query as Query
from .states import ImageInput as ImageInput

__version__: str
