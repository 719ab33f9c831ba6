"""The models floor: whole architectures, one file each, and the table of their names."""

from chainrule.models.autoencoder import Autoencoder
from chainrule.models.dbn import DBN
from chainrule.models.ensemble import Ensemble
from chainrule.models.feature_maps import FeatureMap, FourierFeatures, PolynomialFeatures, RadialFeatures
from chainrule.models.gat import GAT
from chainrule.models.gcn import GCN
from chainrule.models.generation import choose_token, generate
from chainrule.models.lenet import LeNet
from chainrule.models.mlp import MLP
from chainrule.models.perceptron import Learning, Perceptron, linearly_separable
from chainrule.models.ratings_rbm import RatingsRBM
from chainrule.models.rbm import RBM, ContrastiveDivergence
from chainrule.models.recurrent_classifier import RecurrentClassifier
from chainrule.models.recurrent_language_model import RecurrentLanguageModel
from chainrule.models.registry import MODELS, build
from chainrule.models.resnet import ResNet
from chainrule.models.sage import GraphSAGE
from chainrule.models.som import SOM
from chainrule.models.table import TableNetwork
from chainrule.models.transformer_classifier import TransformerClassifier
from chainrule.models.transformer_language_model import TransformerLanguageModel

__all__ = [
    "DBN",
    "GAT",
    "GCN",
    "MLP",
    "MODELS",
    "RBM",
    "SOM",
    "Autoencoder",
    "ContrastiveDivergence",
    "Ensemble",
    "FeatureMap",
    "FourierFeatures",
    "GraphSAGE",
    "LeNet",
    "Learning",
    "Perceptron",
    "PolynomialFeatures",
    "RadialFeatures",
    "RatingsRBM",
    "RecurrentClassifier",
    "RecurrentLanguageModel",
    "ResNet",
    "TableNetwork",
    "TransformerClassifier",
    "TransformerLanguageModel",
    "build",
    "choose_token",
    "generate",
    "linearly_separable",
]
